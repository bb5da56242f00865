// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <algorithm>
#include <array>

#include "config/bucket_options.h"
#include "config/connection_options.h"
#include "config/reading_options.h"
#include "config/terms_options.h"

namespace penstock {
namespace {

using enum OptionGroup;
using Kind = ValueKind;
using Target = OptionTarget;

constexpr uint64_t mib = 1ULL << 20;
constexpr uint64_t gib = 1ULL << 30;
constexpr uint64_t hour_ms = 3'600'000;

constexpr auto first_rows = std::to_array<OptionRow>({
    {.name = "read-only",
     .alias = "ro",
     .group = permissions,
     .help = "refuse every change",
     .paragraph = "Programs get `Read-only file system` for every change, and nothing is ever sent "
                  "to the store that "
                  "would change it. `-o rw` takes it back.",
     .target = [](Options& o) -> Target { return &o.mount.read_only; }},
    {.name = "allow-other",
     .group = permissions,
     .help = "let other users in, as file modes allow",
     .paragraph = "Without it only the user who mounted may enter the mount, not even root may. A "
                  "user other than root "
                  "needs the line `user_allow_other` in `/etc/fuse.conf` for it.",
     .target = [](Options& o) -> Target { return &o.mount.allow_other; }},
    {.name = "uid",
     .group = permissions,
     .kind = Kind::user,
     .value = "USER",
     .initial = "0",
     .initial_words = "you",
     .help = "owner of files that record none",
     .paragraph = "A user's name or number. Objects written by Penstock or s3fs may record an "
                  "owner of their own, "
                  "which comes first.",
     .most = UINT32_MAX - 1,
     .target = [](Options& o) -> Target { return &o.mount.uid; }},
    {.name = "gid",
     .group = permissions,
     .kind = Kind::group,
     .value = "GROUP",
     .initial = "0",
     .initial_words = "yours",
     .help = "group of files that record none",
     .paragraph = "A group's name or number, as with `--uid`.",
     .most = UINT32_MAX - 1,
     .target = [](Options& o) -> Target { return &o.mount.gid; }},
    {.name = "file-mode",
     .group = permissions,
     .kind = Kind::mode,
     .value = "MODE",
     .initial = "0644",
     .help = "permissions of files that record none",
     .paragraph = "In octal, as chmod takes it.",
     .most = 0777,
     .target = [](Options& o) -> Target { return &o.mount.file_mode; }},
    {.name = "dir-mode",
     .group = permissions,
     .kind = Kind::mode,
     .value = "MODE",
     .initial = "0755",
     .help = "permissions of directories that record none",
     .paragraph = "In octal, as chmod takes it.",
     .most = 01777,
     .target = [](Options& o) -> Target { return &o.mount.dir_mode; }},
    {.name = "no-exec",
     .alias = "noexec",
     .group = permissions,
     .help = "refuse to execute files of the mount",
     .paragraph = "The kernel refuses to run programs from the mount. mount(8) asks for it by "
                  "itself where fstab says "
                  "`user`; `-o exec` takes it back.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.no_exec; }},

    {.name = "memory-limit",
     .group = caching,
     .kind = Kind::size,
     .value = "SIZE",
     .initial = "auto",
     .initial_words = "1/4 of RAM, max 1GiB",
     .help = "read-ahead and unsent data",
     .paragraph = "Bytes that the mount may hold for read-ahead and for data on its way to the "
                  "store. `auto` is a "
                  "quarter of the machine's memory or of the cgroup's limit, whichever is less, "
                  "between 64 MiB and "
                  "1 GiB. A long, fast link wants bandwidth x delay x 2 of it.",
     .zero_is_auto = true,
     .least = 16 * mib,
     .target = [](Options& o) -> Target { return &o.mount.memory_limit; }},
    {.name = "cache-dir",
     .group = caching,
     .kind = Kind::path,
     .value = "DIR",
     .initial_words = "/var/cache/penstock",
     .help = "where objects are kept on disk",
     .paragraph =
         "What is read is kept in files below this folder, over restarts, and read from there the "
         "next time, at the speed of the disk: put it on a local NVMe disk. Several mounts, also "
         "of "
         "different buckets, may share it. The default is `/var/cache/penstock` for root and "
         "`~/.cache/penstock` for others. A `file://` store is only cached where this is given.",
     .target = [](Options& o) -> Target { return &o.cache.directory; }},
    {.name = "no-cache",
     .group = caching,
     .help = "keep nothing on disk",
     .paragraph = "Bytes that are read again after the kernel has dropped them are fetched again.",
     .target = [](Options& o) -> Target { return &o.cache.off; }},
    {.name = "cache-size",
     .group = caching,
     .kind = Kind::space,
     .value = "SPACE",
     .initial = "20%",
     .help = "what the cache may occupy",
     .paragraph = "A size, such as `500GiB`, or a share of the disk, such as `80%`, for all mounts "
                  "that use the folder. Beyond it what was not used for longest is dropped.",
     .target = [](Options& o) -> Target { return &o.cache.size_limit; }},
    {.name = "cache-min-free",
     .group = caching,
     .kind = Kind::space,
     .value = "SPACE",
     .initial = "5%",
     .help = "what the cache leaves free of its disk",
     .paragraph = "The cache takes no more, and gives back what it has, where the disk would have "
                  "less free space than this, whoever uses the rest.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.cache.min_free; }},
    {.name = "metadata-ttl",
     .group = caching,
     .kind = Kind::duration,
     .value = "TIME",
     .initial = "60s",
     .help = "longest belief in names and attributes",
     .paragraph = "Changes that others make to the bucket are seen after this time at the latest, "
                  "and sooner where the data is young (see `--freshness`); changes made through "
                  "this mount are seen at once. Raise it to `1h` or more for data that hardly "
                  "ever changes: a training job that opens the same files every epoch then asks "
                  "the server for nothing but their bytes. `0` asks every time; `forever` is for "
                  "what never changes: what is known of a name once is not asked for again, "
                  "however young it is.",
     .most_is_forever = true,
     .most = MetadataOptions::forever.count(),
     .target = [](Options& o) -> Target { return &o.metadata.ttl; }},
    {.name = "freshness",
     .group = caching,
     .kind = Kind::choice,
     .value = "adaptive|close-to-open|ttl",
     .initial = "adaptive",
     .help = "when to ask",
     .paragraph =
         "`adaptive` believes what the store told of an object for a hundredth of the object's age "
         "at that moment, at least 1 s and at most `--metadata-ttl`: a file that was written a "
         "minute ago is asked for every second, data that is hours old every minute. That a name "
         "does not exist is believed for 1 s at most. `close-to-open` does the same, but every "
         "open of a file or directory asks the store, and a name that is not known is always asked "
         "for: what one node has closed, an open on another that begins later sees. `ttl` believes "
         "everything for `--metadata-ttl`, young or old.",
     .target = [](Options& o) -> Target { return &o.metadata.freshness; }},
    {.name = "attributes",
     .group = caching,
     .kind = Kind::choice,
     .value = "auto|full|none",
     .initial = "auto",
     .help = "ask for modes and times",
     .paragraph =
         "Modes, owners and times that programs set are metadata of the objects, which a listing "
         "does not carry: to know them costs a request for each file. `auto` looks at two files of "
         "each directory, of many that are alike at those of some, and asks for the others where "
         "these carry some; `full` always asks, `none` only for files that are opened or changed. "
         "Use `none` to train from files that were copied with their times.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.metadata.attributes; }},
    {.name = "metadata-memory",
     .group = caching,
     .kind = Kind::size,
     .value = "SIZE",
     .initial = "auto",
     .initial_words = "1/16 of RAM, max 4GiB",
     .help = "memory for known names",
     .paragraph =
         "Beyond this the names unused for longest are forgotten, and asked for again when "
         "needed. A name that was listed takes about 100 bytes beside its own, one that the "
         "kernel remembers some 60 more. `auto` is a sixteenth of the machine's "
         "memory or of the cgroup's limit, whichever is less, between 64 MiB and 4 GiB.",
     .advanced = true,
     .zero_is_auto = true,
     .least = mib,
     .target = [](Options& o) -> Target { return &o.metadata.memory; }},
});

constexpr auto last_rows = std::to_array<OptionRow>({
    {.name = "write-back",
     .group = writing,
     .help = "close does not wait for the bucket",
     .paragraph =
         "`close` and `fsync` return when what was written is safe in a journal on the local disk; "
         "the upload follows in the background, and goes on at the next mount where this one ends "
         "early. Others see the file when it is in the bucket. See docs/writes.md.",
     .target = [](Options& o) -> Target { return &o.write.write_back; }},
    {.name = "fsync",
     .group = writing,
     .kind = Kind::choice,
     .value = "journal|bucket",
     .initial = "journal",
     .help = "what fsync waits for",
     .paragraph = "`journal`: that what was written is safe on the local disk; `bucket`: that it "
                  "is in the bucket, as without --write-back.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.write.fsync; }},
    {.name = "journal-dir",
     .group = writing,
     .kind = Kind::path,
     .value = "DIR",
     .initial_words = "in the cache",
     .help = "where the journal lies",
     .paragraph =
         "A folder on a local disk that survives a reboot, and is as fast as writing is to "
         "be. The default is `journal` in the folder of --cache-dir.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.write.journal_dir; }},
    {.name = "journal-shared",
     .group = writing,
     .kind = Kind::choice,
     .value = "refuse|allow",
     .initial = "refuse",
     .help = "a journal that others may see",
     .paragraph =
         "On a file system that other machines may see (NFS, SMB, CephFS, Lustre, GPFS, FUSE) the "
         "lock of a journal may hold on one machine only, and a mount could take the journal of "
         "one that lives elsewhere for a dead mount's. So a journal is not kept there, unless "
         "this says `allow`: then no two machines may mount with the same --journal-dir.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.write.shared_journal; }},
    {.name = "exclusive-create",
     .group = writing,
     .kind = Kind::choice,
     .value = "auto|open|close",
     .initial = "auto",
     .help = "when O_EXCL asks the bucket",
     .paragraph =
         "Of two nodes that create the same file with O_EXCL one gets an error, where the server "
         "supports conditional writes. `open`: when it is opened, which costs a request; `close`: "
         "when it is first stored; `auto`: when it is opened for names of lock files (`*.lock`, "
         "`*.lck`, `*.pid`, `lock`), else when it is stored.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.exclusive_create; }},
    {.name = "content-type",
     .group = writing,
     .kind = Kind::choice,
     .value = "auto|off",
     .initial = "auto",
     .help = "give new files a Content-Type",
     .paragraph =
         "`auto`: a new file gets the Content-Type that the end of its name stands for (`.json`, "
         "`.html`, `.parquet`), as web browsers and other clients of the bucket want it; so does "
         "one without a type when it is renamed. `off`, and for other names: the store's default. "
         "Other clients' types are always kept.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.content_type; }},
    {.name = "storage-class",
     .group = writing,
     .kind = Kind::text,
     .value = "RULES",
     .initial_words = "the bucket's default",
     .help = "storage class of new files",
     .paragraph =
         "A class such as `STANDARD_IA` or `INTELLIGENT_TIERING` for all new files, or rules by "
         "their names: `*.ckpt=STANDARD_IA;logs/*=ONEZONE_IA;INTELLIGENT_TIERING`. The first that "
         "fits counts. A pattern without `/` is compared with the file's name, another one with "
         "its path from the mountpoint; `*` stands for `/` as well. A file that is renamed gets "
         "the class of its new name, if it has none of its own; what other clients have chosen is "
         "always kept. Archive classes are refused, see [tiers.md](tiers.md).",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.storage_class; }},
    {.name = "hard-links",
     .group = writing,
     .kind = Kind::choice,
     .value = "copy|off",
     .initial = "copy",
     .help = "what a hard link becomes",
     .paragraph =
         "An object has one key. `copy`: link(2) copies the object inside the store, provided that "
         "the new name is free; from then on there are two files. Programs that publish a file by "
         "`link` and `unlink` of a temporary name work with it, as Zarr, Lance and Delta Lake do. "
         "`off`: it fails with EPERM.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.hard_links; }},
    {.name = "parts-in-flight",
     .group = writing,
     .kind = Kind::count,
     .value = "N",
     .initial = "32",
     .help = "parts uploaded at once, over all files",
     .paragraph = "Files above `--single-put-size` are uploaded in parts while they are written; "
                  "this many at once.",
     .advanced = true,
     .least = 1,
     .most = 10'000,
     .target = [](Options& o) -> Target { return &o.write.parts_in_flight; }},
    {.name = "single-put-size",
     .group = writing,
     .kind = Kind::size,
     .value = "SIZE",
     .initial = "8MiB",
     .help = "files up to this are one request",
     .paragraph =
         "Also the size of the first parts of larger files. S3 takes no parts below 5 MiB.",
     .advanced = true,
     .least = 5 * mib,
     .most = 1 * gib,
     .target = [](Options& o) -> Target { return &o.write.single_put_size; }},
    {.name = "staging-dir",
     .group = writing,
     .kind = Kind::path,
     .value = "DIR",
     .initial_words = "$TMPDIR or /var/tmp",
     .help = "for what memory cannot hold",
     .paragraph = "Files that are not written from front to back, or faster than the link for "
                  "longer than memory "
                  "lasts, are kept here until they are sent, and what was sent until the file is "
                  "closed or synced. Choose a fast local disk.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.write.staging_dir; }},
    {.name = "state-dir",
     .group = writing,
     .kind = Kind::path,
     .value = "DIR",
     .initial_words = "/var/lib/penstock",
     .help = "unfinished uploads",
     .paragraph = "Multipart uploads that a killed mount left behind are found here and aborted by "
                  "the next mount of "
                  "the same bucket and prefix. For users other than root the default is "
                  "`$XDG_STATE_HOME/penstock` or "
                  "`~/.local/state/penstock`.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.write.state_dir; }},

    {.name = "foreground",
     .letter = 'f',
     .group = running,
     .help = "do not go to the background; log to stderr",
     .paragraph = "The command stays until the mount ends: for systemd, containers and debugging. "
                  "A line on standard "
                  "output says when the mount is ready.",
     .target = [](Options& o) -> Target { return &o.mount.foreground; }},
    {.name = "nonempty",
     .group = running,
     .help = "mount over a directory that has files",
     .paragraph =
         "What lies in the mountpoint is hidden while the mount is there, and programs that "
         "ran without the mount may have left it there by mistake: so a directory that is "
         "not empty is refused, unless this says that it is meant.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.nonempty; }},
    {.name = "stop-timeout",
     .group = running,
     .kind = Kind::duration,
     .value = "TIME",
     .initial = "25s",
     .help = "for uploads when the mount ends",
     .paragraph = "When the mount is told to end, open files that were written to are uploaded "
                  "first, for at most this "
                  "long. What could not be saved is listed, and the exit status is 1. Whole "
                  "seconds. Keep it below the "
                  "time after which systemd (90 s) or Kubernetes (30 s) kills.",
     .most = 24 * hour_ms,
     .target = [](Options& o) -> Target { return &o.mount.stop_timeout; }},
    {.name = "fuse-threads",
     .group = running,
     .kind = Kind::count,
     .value = "N",
     .initial = "2",
     .help = "threads that take requests from the kernel",
     .paragraph = "They never wait for the network, so few are enough; more help with many cores "
                  "and small requests.",
     .advanced = true,
     .least = 1,
     .most = 64,
     .target = [](Options& o) -> Target { return &o.mount.fuse_threads; }},
    {.name = "io-uring",
     .group = running,
     .kind = Kind::choice,
     .value = "auto|on|off",
     .initial = "auto",
     .help = "take requests over io_uring",
     .paragraph =
         "Needs Linux 6.14, libfuse 3.18 and the kernel's leave: "
         "`echo 1 > /sys/module/fuse/parameters/enable_uring`. Opening files and asking for "
         "their attributes becomes up to twice as fast. But few requests are under way "
         "at once, random reads are slower, and a program that waits for the store cannot "
         "be killed until that has answered. `auto` therefore leaves it off; `on` is an "
         "error where it cannot be had.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.io_uring; }},
    {.name = "no-passthrough",
     .group = running,
     .help = "cached files are not read by the kernel alone",
     .paragraph =
         "Files that lie in the cache as a whole are handed to the kernel where it takes them "
         "(Linux 6.9, root). Who has such a file open does not see what other programs of this "
         "machine write to it until it is opened again: with this option it does, at the price "
         "of the daemon's time for each read.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.mount.no_passthrough; }},

    {.name = "log-level",
     .group = logging,
     .kind = Kind::choice,
     .value = "error|warning|info|debug",
     .initial = "info",
     .help = "how much is logged",
     .paragraph = "`debug` logs every request to the store.",
     .target = [](Options& o) -> Target { return &o.log.level; }},
    {.name = "log-file",
     .group = logging,
     .kind = Kind::path,
     .value = "FILE",
     .initial_words = "syslog, or stderr with -f",
     .help = "where to log",
     .paragraph = "Lines are appended. In containers, which have no syslog, use this or `-f`.",
     .target = [](Options& o) -> Target { return &o.log.file; }},
    {.name = "access-log",
     .group = logging,
     .kind = Kind::path,
     .value = "FILE",
     .initial_words = "none",
     .help = "note each operation of programs there",
     .paragraph = "A line of JSON for each operation that programs ask of the mount, with how long "
                  "it took: [access-log.md](access-log.md). `penstock replay` plays it again.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.log.access_file; }},

    {.name = "metrics-address",
     .group = monitoring,
     .kind = Kind::address,
     .value = "HOST:PORT",
     .initial_words = "Unix socket alone",
     .help = "serve metrics by HTTP",
     .paragraph = "For Prometheus, without a password: [monitoring.md](monitoring.md). A port "
                  "alone is one of `127.0.0.1`, 0 takes a free one.",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.metrics.address; }},
    {.name = "price-table",
     .group = monitoring,
     .kind = Kind::path,
     .value = "FILE",
     .initial_words = "AWS us-east-1",
     .help = "what requests cost, for metrics",
     .paragraph = "The store's prices: [costs](operations/cost.md).",
     .advanced = true,
     .target = [](Options& o) -> Target { return &o.metrics.price_table; }},

    {.name = "config",
     .group = configuration,
     .kind = Kind::path,
     .value = "FILE",
     .initial_words = "penstock.toml",
     .help = "file of options",
     .paragraph =
         "Read instead of `/etc/penstock/penstock.toml` and `~/.config/penstock/penstock.toml`. "
         "`--config /dev/null` reads none. What may stand in it: "
         "[configuration.md](configuration.md).",
     .advanced = true,
     .command_line_only = true,
     .target = [](Options& o) -> Target { return &o.config.file; }},
    {.name = "preset",
     .group = configuration,
     .kind = Kind::choice,
     .value = "none|training|checkpoint|serving|shared",
     .initial_words = "none",
     .help = "use",
     .paragraph =
         "Sets several options at once, each of which can still be given otherwise: `training` for "
         "data that is read again and again and hardly ever changes, `checkpoint` for large files "
         "that are written once, `serving` for models that are loaded, `shared` for what several "
         "nodes write to. What each sets, and why: [configuration.md](configuration.md#presets).",
     .target = [](Options& o) -> Target { return &o.config.preset; }},
});

template <size_t... sizes>
constexpr auto joined(const std::array<OptionRow, sizes>&... parts) {
  std::array<OptionRow, (sizes + ...)> all{};
  auto end = all.begin();
  ((end = std::copy(parts.begin(), parts.end(), end)), ...);
  return all;
}

constexpr auto table = joined(bucket_options, connection_options, terms_options, first_rows,
                              reading_options, last_rows);

}  // namespace

std::span<const OptionRow> option_table() { return table; }

}  // namespace penstock
