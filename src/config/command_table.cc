// SPDX-License-Identifier: Apache-2.0
#include "config/command_table.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

template <size_t... sizes>
constexpr auto joined(const std::array<std::string_view, sizes>&... parts) {
  std::array<std::string_view, (sizes + ...)> all{};
  auto end = all.begin();
  ((end = std::copy(parts.begin(), parts.end(), end)), ...);
  return all;
}

constexpr auto cache_place = std::to_array<std::string_view>({"cache-dir", "config"});
constexpr auto cache_limits =
    std::to_array<std::string_view>({"cache-dir", "cache-size", "cache-min-free", "config"});
/// How a server is reached.
constexpr auto way_there = std::to_array<std::string_view>(
    {"endpoint-url", "region", "profile", "no-sign-request", "ca-bundle", "path-style", "verify",
     "hedge", "response-timeout", "max-connections", "http-threads", "proxy", "no-verify-ssl",
     "client-cert", "client-key", "tls-min-version", "dual-stack", "fips", "accelerate"});
/// What the owner of a bucket asks of all requests, and of those that store.
constexpr auto terms =
    std::to_array<std::string_view>({"sse-c-key-file", "expected-bucket-owner", "requester-pays"});
constexpr auto terms_of_writes = std::to_array<std::string_view>(
    {"sse", "sse-kms-key-id", "sse-kms-context", "sse-bucket-key", "acl", "tags"});

constexpr auto warm_places =
    joined(way_there, terms,
           std::to_array<std::string_view>(
               {"cache-dir", "cache-size", "cache-min-free", "memory-limit", "config"}));
constexpr auto verify_places =
    joined(way_there, terms, std::to_array<std::string_view>({"config"}));
constexpr auto store_places =
    joined(way_there, terms, terms_of_writes, std::to_array<std::string_view>({"config"}));

constexpr CommandOption store{.name = "store",
                              .value = "URL",
                              .help = "only this bucket, or what lies below this prefix of it"};
constexpr CommandOption json{.name = "json", .help = "as JSON, for programs"};
constexpr CommandOption bytes{.name = "bytes", .help = "sizes in bytes"};

constexpr auto ls_options = std::to_array<CommandOption>({store, bytes, json});
constexpr auto cache_stats_options = std::to_array<CommandOption>({bytes, json});
constexpr auto evict_options = std::to_array<CommandOption>(
    {{.name = "to", .value = "SIZE", .help = "remove what was not used for longest, down to this"},
     store,
     {.name = "all", .help = "remove everything"}});
constexpr auto warm_options = std::to_array<CommandOption>(
    {{.name = "recursive", .letter = 'r', .help = "also what lies below directories"},
     {.name = "manifest",
      .value = "FILE",
      .is_path = true,
      .help = "fetch the files named there, one a line, below PATH; - is standard input"},
     {.name = "jobs",
      .letter = 'j',
      .value = "N",
      .help = "files, or parts of large ones, at once "
              "[16]"}});

constexpr auto stats_options = std::to_array<CommandOption>(
    {json, {.name = "prometheus", .help = "as Prometheus reads it; of one MOUNTPOINT"}});
constexpr auto replay_options = std::to_array<CommandOption>(
    {json,
     {.name = "speed",
      .value = "N",
      .help = "times as fast as recorded; max: nothing waits for its time [1]"},
     {.name = "jobs", .letter = 'j', .value = "N", .help = "operations at once, at most [64]"},
     {.name = "changes", .help = "also play what changes files; writes write other bytes"}});
constexpr auto restore_options = std::to_array<CommandOption>(
    {{.name = "recursive", .letter = 'r', .help = "also what lies below directories or prefixes"},
     {.name = "days", .value = "N", .help = "how long the restored copies are kept [7]"},
     {.name = "tier",
      .value = "TIER",
      .help = "how fast and how dear: Expedited, Standard or Bulk [Standard]"},
     {.name = "no-wait", .help = "end when all is asked for; the status is 2 then"},
     {.name = "dry-run", .help = "say what it takes and costs, and ask for nothing"}});

constexpr auto archive_options = std::to_array<CommandOption>(
    {{.name = "recursive", .letter = 'r', .help = "also what lies below directories or prefixes"},
     {.name = "class", .value = "CLASS", .help = "the storage class that objects are moved to"}});
constexpr auto tier_options = std::to_array<CommandOption>(
    {bytes,
     json,
     {.name = "older-than",
      .value = "DAYS",
      .help = "show what a lifecycle rule of the bucket would do that moves what is older: 7d"},
     {.name = "to", .value = "CLASS", .help = "the storage class that the rule moves objects to"},
     {.name = "apply", .help = "write the rule, or take it away, after it has been shown"},
     {.name = "remove", .help = "show Penstock's rules for this URL, for --apply to take away"},
     {.name = "whole-bucket", .help = "the rule is for every object of the bucket"}});

constexpr auto verify_options = std::to_array<CommandOption>(
    {json,
     {.name = "jobs",
      .letter = 'j',
      .value = "N",
      .help = "objects, or ranges of large ones, at once [32]"},
     {.name = "list-unchecked", .help = "also name the objects that have no checksum"},
     {.name = "no-etag", .help = "without a checksum, do not take the ETag for an MD5"}});

constexpr auto doctor_options = std::to_array<CommandOption>(
    {{.name = "read-only", .help = "make and remove nothing in the store"},
     {.name = "no-rates", .help = "do not measure how fast the store is"},
     json,
     {.name = "report",
      .value = "FILE",
      .is_path = true,
      .help = "also write all of it, without secrets, to FILE, for others to read"}});
constexpr auto doctor_places =
    joined(way_there, terms, terms_of_writes,
           std::to_array<std::string_view>(
               {"rename-object", "equal-parts", "cache-dir", "cache-size", "cache-min-free",
                "journal-dir", "journal-shared", "state-dir", "memory-limit", "config"}));

constexpr auto credentials_options = std::to_array<CommandOption>({json});
constexpr auto credentials_places = std::to_array<std::string_view>(
    {"endpoint-url", "region", "profile", "ca-bundle", "proxy", "config"});

constexpr auto status_options = std::to_array<CommandOption>(
    {json, {.name = "watch", .help = "show what mounts do, again each second, until Ctrl-C"}});
constexpr auto journal_place =
    std::to_array<std::string_view>({"cache-dir", "journal-dir", "state-dir", "config"});
constexpr auto config_choice = std::to_array<std::string_view>({"config"});
constexpr auto config_effects = std::to_array<std::string_view>({"config", "preset"});

constexpr auto umount_options = std::to_array<CommandOption>(
    {{.name = "lazy",
      .letter = 'l',
      .help = "detach it at once; it ends when programs are done with it"},
     {.name = "force",
      .letter = 'f',
      .help = "store what is written and end it, whoever still uses it"},
     {.name = "detach-pending",
      .help = "leave what --write-back has to upload to the next mount"}});

constexpr auto table = std::to_array<CommandRow>({
    {.name = "umount",
     .arguments = "MOUNTPOINT|NAME",
     .about = "store everything that was written, unmount, and wait for the end of the process",
     .options = umount_options,
     .mount_options = config_choice},
    {.name = "cache ls",
     .arguments = "",
     .about = "list the objects of the cache: size, bytes that are there, last use, store, key",
     .options = ls_options,
     .mount_options = cache_place},
    {.name = "cache stats",
     .arguments = "",
     .about = "show what the cache holds of each store, and its limits",
     .options = cache_stats_options,
     .mount_options = cache_limits},
    {.name = "cache verify",
     .arguments = "",
     .about = "read and check everything; what is damaged is dropped",
     .options = {},
     .mount_options = cache_place},
    {.name = "cache evict",
     .arguments = "",
     .about = "remove objects from the cache",
     .options = evict_options,
     .mount_options = cache_place},
    {.name = "warm",
     .arguments = "PATH...",
     .about = "fetch files of a mount, or s3://BUCKET/PREFIX, into the cache",
     .options = warm_options,
     .mount_options = warm_places},
    {.name = "restore",
     .arguments = "PATH...",
     .about = "restore archived files of a mount, or s3://BUCKET/KEY, and wait until all can "
              "be read",
     .options = restore_options,
     .mount_options = store_places},
    {.name = "archive",
     .arguments = "PATH...",
     .about = "move files of a mount, or s3://BUCKET/KEY, to another storage class",
     .options = archive_options,
     .mount_options = store_places},
    {.name = "tier",
     .arguments = "PATH...",
     .about = "show objects and bytes by storage class, below paths of a mount or "
              "s3://BUCKET/PREFIX",
     .options = tier_options,
     .mount_options = store_places},
    {.name = "verify",
     .arguments = "PATH|URL...",
     .about = "read stored objects whole and compare them with the store's checksums",
     .options = verify_options,
     .mount_options = verify_places},
    {.name = "status",
     .arguments = "",
     .about =
         "list mounts, and what was written and is not in the bucket yet; then its status is 2",
     .options = status_options,
     .mount_options = journal_place},
    {.name = "stats",
     .arguments = "[MOUNTPOINT]",
     .about = "show what a mount, or each of yours, has done since it was made: operations, hits, "
              "requests, cost",
     .options = stats_options,
     .mount_options = {}},
    {.name = "doctor",
     .arguments = "[URL|MOUNTPOINT]",
     .about = "say what is wrong with this machine, a store or a mount, and what to do",
     .options = doctor_options,
     .mount_options = doctor_places},
    {.name = "credentials",
     .arguments = "",
     .about = "say where the credentials come from that a mount would use, and until when they "
              "hold, without showing them",
     .options = credentials_options,
     .mount_options = credentials_places},
    {.name = "replay",
     .arguments = "LOG DIR",
     .about = "play what --access-log has noted again, and compare how long it takes",
     .options = replay_options,
     .mount_options = {}},
    {.name = "config check",
     .arguments = "[FILE]",
     .about = "say what is wrong with FILE, or with the configuration files of this user",
     .options = {},
     .mount_options = config_choice},
    {.name = "config show",
     .arguments = "[NAME]",
     .about = "show all options of the named mount, or the defaults, and where each comes from",
     .options = {},
     .mount_options = config_effects},
});

constexpr auto words = std::to_array<std::string_view>(
    {"mount", "umount", "warm", "restore", "archive", "tier", "verify", "cache", "status", "stats",
     "doctor", "credentials", "replay", "config", "help", "version"});

}  // namespace

std::span<const CommandRow> command_table() { return table; }

std::span<const std::string_view> command_words() { return words; }

const CommandRow& command_row(std::string_view name) {
  return *std::ranges::find(table, name, &CommandRow::name);
}

}  // namespace penstock
