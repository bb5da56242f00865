// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "penstock/archive.h"

namespace penstock {

/// How connections to a server are made. Empty: as libcurl makes them.
struct ConnectionOptions {
  std::string proxy;  ///< A URL; whatever the environment says.
  bool no_verify_ssl = false;
  std::string client_cert;      ///< PEM file.
  std::string client_key;       ///< PEM file; empty: in that of `client_cert`.
  std::string tls_min_version;  ///< "1.2" or "1.3".
};

/// What the owner of a bucket asks of requests. Empty: nothing is said of it.
struct BucketTermsOptions {
  std::string sse;              ///< "AES256", "aws:kms" or "aws:kms:dsse", for all that is stored.
  std::string sse_kms_key_id;   ///< Needs a kind with KMS, as the next two do.
  std::string sse_kms_context;  ///< A JSON object of texts, or that in base64.
  bool sse_bucket_key = false;
  std::string sse_c_key_file;  ///< 32 bytes, or those in base64. Instead of `sse`.
  std::string expected_owner;  ///< Of the bucket: an account's id.
  bool requester_pays = false;
  std::string acl;   ///< A canned one, for all that is stored.
  std::string tags;  ///< "name=value&...", percent-encoded, for all that is stored.
};

/// How to reach the store. Empty strings mean "as the AWS CLI would find it": environment, then
/// files.
struct StoreOptions {
  std::string url;           ///< s3://BUCKET[/PREFIX] or file:///DIR.
  std::string endpoint_url;  ///< http(s)://host[:port]; empty: AWS for the region.
  std::string region;
  std::string profile;
  bool no_sign_request = false;
  std::string ca_bundle;  ///< PEM file; empty: the system's.
  enum class PathStyle : uint8_t { automatic, always, never };
  PathStyle path_style = PathStyle::automatic;
  /// Whether renames use S3's RenameObject: in directory buckets, wherever the server turns out to
  /// have it, or never.
  enum class RenameObject : uint8_t { automatic, on, off };
  RenameObject rename_object = RenameObject::automatic;
  /// Whether all parts of an upload but the last have one size: at Cloudflare R2, everywhere, or
  /// nowhere.
  enum class EqualParts : uint8_t { automatic, on, off };
  EqualParts equal_parts = EqualParts::automatic;
  /// Whether CRCs go with what is stored, and what is read is held against them: wherever the
  /// server has them, or nowhere.
  enum class Verify : uint8_t { automatic, off };
  Verify verify = Verify::automatic;
  /// Whether reads whose answer is slow to begin are sent a second time.
  enum class Hedge : uint8_t { automatic, off };
  Hedge hedge = Hedge::automatic;
  uint32_t max_connections = 128;  ///< In flight to the endpoint at once, over all event loops.
  uint32_t http_threads = 2;       ///< Event-loop threads.
  std::chrono::milliseconds response_timeout{10'000};  ///< For the first byte of an answer.
  ConnectionOptions connection;
  bool dual_stack = false;  ///< These three choose among AWS's servers.
  bool fips = false;
  bool accelerate = false;
  BucketTermsOptions terms;
};

struct ReadOptions {
  uint64_t fetch_size = 8ULL << 20;         ///< Bytes of one ranged GET of a stream.
  uint64_t whole_object_size = 1ULL << 20;  ///< Objects up to this are fetched whole.
  uint64_t random_granule = 16ULL << 10;  ///< Random reads are widened to this alignment, no more.
  /// Whether the rest of a tree that is read file by file is fetched into the cache: where there is
  /// one; always, so that a mount without one is refused; or never.
  enum class PrefetchEpoch : uint8_t { automatic, on, off };
  PrefetchEpoch prefetch_epoch = PrefetchEpoch::automatic;
};

struct ArchiveOptions {
  /// What a read of an object does that must be restored first: it fails, it asks for that and
  /// fails, or it asks and waits.
  enum class OnArchived : uint8_t { error, restore, wait };
  OnArchived on_archived = OnArchived::error;
  RestoreWish wish;  ///< What is asked for then.
};

struct WriteOptions {
  uint64_t single_put_size =
      8ULL << 20;  ///< Files up to this are one PUT; also the size of the first parts.
  uint32_t parts_in_flight = 32;  ///< UploadParts at once, over all files of the mount.
  std::string staging_dir;  ///< Where bytes go that memory cannot hold; empty: $TMPDIR or /var/tmp.
  /// close and fsync return when what was written is in the journal on the cache's disk; the upload
  /// follows.
  bool write_back = false;
  enum class Fsync : uint8_t { journal, bucket };
  Fsync fsync = Fsync::journal;  ///< What fsync waits for with `write_back`.
  std::string journal_dir;       ///< Empty: there is none, and no left one is looked for.
  enum class SharedJournal : uint8_t { refuse, allow };
  /// What becomes of a `journal_dir` on a file system that other machines may see.
  SharedJournal shared_journal = SharedJournal::refuse;
  std::string
      state_dir;  ///< Where unfinished uploads are remembered; empty: see docs/operations.md.
};

/// Space on a local disk: so many bytes, or a share of the whole disk.
struct DiskSpace {
  uint64_t bytes = 0;
  uint32_t percent = 0;  ///< Not 0: instead of `bytes`.

  uint64_t of(uint64_t disk) const noexcept {
    return percent == 0 ? bytes : static_cast<uint64_t>(static_cast<double>(disk) * percent / 100);
  }
  bool operator==(const DiskSpace&) const = default;
};

/// The cache on a local disk. An empty directory means that there is none.
struct CacheOptions {
  bool off = false;
  std::string directory;                ///< May be shared by several mounts and processes.
  bool required = false;                ///< Asked for: a mount without it would surprise.
  DiskSpace size_limit{.percent = 20};  ///< What all of them together keep.
  DiskSpace min_free{.percent = 5};     ///< What is left free of the disk.
  uint64_t queue_limit = 64ULL << 20;   ///< Bytes that may wait to be written.
};

struct MetadataOptions {
  /// When a HEAD is paid for the attributes that an object carries: where its directory's objects
  /// are seen to carry some, always, or never (but for what is opened or changed).
  enum class Attributes : uint8_t { automatic, full, none };
  Attributes attributes = Attributes::automatic;
  /// How long names and attributes of others are believed: for a share of their age, the same but
  /// each open asks, or for `ttl` whatever their age.
  enum class Freshness : uint8_t { adaptive, close_to_open, ttl };
  Freshness freshness = Freshness::adaptive;
  static constexpr std::chrono::milliseconds forever = std::chrono::hours(24'000);
  std::chrono::milliseconds ttl{60'000};  ///< At most so long; `forever` and more: for ever.
  /// Bytes for what is known of names: unused ones are forgotten beyond. 0: derived from the cgroup
  /// and the machine.
  uint64_t memory = 0;
};

struct MountOptions {
  std::string mountpoint;
  bool foreground = false;
  bool nonempty = false;  ///< The mountpoint may have files, which are hidden then.
  bool read_only = false;
  bool allow_other = false;
  bool no_exec = false;  ///< The kernel refuses to run programs from the mount.
  uint32_t uid =
      0;  ///< Owner of what has no owner of its own; the option's default is the mounting user.
  uint32_t gid = 0;
  uint32_t file_mode = 0644;
  uint32_t dir_mode = 0755;
  uint64_t memory_limit =
      0;  ///< Bytes for read-ahead and dirty data; 0: derived from the cgroup and the machine.
  /// When a file created with O_EXCL is known to be the only one, on all nodes: when it is opened
  /// (a request of its own), when it is first stored, or at once for names of lock files.
  enum class ExclusiveCreate : uint8_t { automatic, at_open, at_close };
  ExclusiveCreate exclusive_create = ExclusiveCreate::automatic;
  /// Whether new files get a Content-Type by the end of their name.
  enum class ContentType : uint8_t { automatic, off };
  ContentType content_type = ContentType::automatic;
  std::string storage_class;  ///< Of new files; see StorageClasses. Empty: the bucket's default.
  /// What link(2) does: a copy inside the store under the new name, or nothing (EPERM).
  enum class HardLinks : uint8_t { copy, off };
  HardLinks hard_links = HardLinks::copy;
  std::chrono::seconds stop_timeout{
      25};  ///< How long an ending mount may take to upload what is written.
  uint32_t fuse_threads = 2;
  enum class IoUring : uint8_t { automatic, on, off };
  IoUring io_uring = IoUring::automatic;  ///< Requests of the kernel over io_uring.
  bool no_passthrough = false;            ///< The kernel is handed no files of the cache to read.
};

struct LogOptions {
  std::string level = "info";  ///< error, warning, info, debug.
  std::string file;         ///< Empty: standard error in the foreground, syslog in the background.
  std::string access_file;  ///< Gets a line for each operation of a program; empty: none.
};

struct MetricsOptions {
  std::string address;      ///< "HOST:PORT" to serve metrics at; empty: on the Unix socket alone.
  std::string price_table;  ///< TOML file of what requests cost; empty: AWS's list prices.
};

/// Where options come from that are not given on the command line.
struct ConfigOptions {
  std::string file;    ///< Read instead of the usual ones; empty: those.
  std::string preset;  ///< A word of the option; empty: nobody has said one.
};

/// Everything a mount can be told. Plain values; each layer is given its own part.
struct Options {
  StoreOptions store;
  ReadOptions read;
  ArchiveOptions archive;
  WriteOptions write;
  CacheOptions cache;
  MetadataOptions metadata;
  MountOptions mount;
  LogOptions log;
  MetricsOptions metrics;
  ConfigOptions config;
};

}  // namespace penstock
