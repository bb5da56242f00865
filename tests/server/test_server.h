// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::test {

/// What a TestServer is started with. Rates are in 10^6 bytes per second, 0 means unlimited; those
/// of the connection and of all connections together hold for each direction by itself.
struct ServerOptions {
  uint16_t port = 0;  ///< On 127.0.0.1; 0 takes any free port.
  std::string access_key = "testaccess";
  std::string secret_key = "testsecret";
  std::string session_token;     ///< Empty: none is required.
  bool check_signatures = true;  ///< False: also requests without a signature are served.
  std::string region = "us-east-1";
  /// True: a request signed for another region is answered 301 with x-amz-bucket-region, as AWS
  /// does. False: any region will do, as with most other servers.
  bool redirect_regions = false;
  std::vector<std::string> buckets = {"test"};
  std::chrono::milliseconds first_byte{0};    ///< Before the first byte of every answer.
  std::chrono::milliseconds list_latency{0};  ///< Instead of first_byte for listings, when > 0.
  double connection_mbps = 0;
  double total_mbps = 0;
  double copy_mbps = 0;                ///< CopyObject and UploadPartCopy answer this much later.
  std::chrono::seconds clock_skew{0};  ///< The server's clock is ahead by this.
  /// What put_object and put_synthetic make was last modified so long ago.
  std::chrono::seconds object_age{0};
  double tail_probability = 0;  ///< Share of the requests that take tail_latency longer.
  std::chrono::milliseconds tail_latency{0};
  double error_probability = 0;  ///< Share of the requests that are answered 503 SlowDown.
  /// How long a RestoreObject takes, and how long a day of what it restored lasts.
  std::chrono::milliseconds restore_time{0};
  std::chrono::milliseconds restored_day{std::chrono::hours(24)};
  uint32_t threads = 2;
  uint32_t seed = 1;  ///< Of everything that is random.
  /// ETags of bodies over 1 MiB are a fast 128-bit hash in the form of an MD5; true makes them a
  /// real MD5 (1.7 s/GB).
  bool md5_etags = false;
  /// For benchmarks only: of bodies over 1 MiB nothing is kept but the size; GET gives zero bytes
  /// for them, and neither checksums nor ETags depend on their content.
  bool discard_bodies = false;
  /// As servers that do not know a subresource and take no notice of it: a RenameObject puts the
  /// bytes that it came with, none.
  bool renames_are_puts = false;

  /// The bucket's policy: what is stored or copied must come with these headers (names in lower
  /// case) and values, or is denied.
  std::map<std::string, std::string> required_of_writes;
  /// The account that the buckets belong to: requests that expect another one are denied.
  std::string owner = "111122223333";
  /// Requests that do not say that the requester pays are denied.
  bool requester_pays = false;
  /// How the bucket encrypts what asks for nothing: "aws:kms"; empty: not at all.
  std::string default_encryption;
  /// The headers of each operation's last request are kept for last_headers().
  bool keep_headers = false;

  // What other servers do otherwise than AWS S3; see make_like.
  /// Complete refuses parts of different sizes, or a last one that is larger.
  bool equal_parts = false;
  /// A Complete whose condition fails ends the upload.
  bool failed_complete_ends_upload = false;
  /// "/bucket/key" as the source of a copy is a key of a bucket without a name.
  bool bare_copy_sources = false;
  /// UploadPartCopy does not implement conditions on its source.
  bool no_part_copy_conditions = false;
  bool no_part_copies = false;    ///< There is no UploadPartCopy.
  bool no_batch_removal = false;  ///< There is no DeleteObjects.
  /// PutObject and UploadPart must come with a checksum, as into a bucket of AWS with a default
  /// retention of Object Lock.
  bool wants_checksums = false;
};

/// Makes the server differ from AWS S3 as another one does, as far as Penstock has to know: "r2"
/// (Cloudflare R2), "gcs" (Google Cloud Storage by its XML API, before it had DeleteObjects) or
/// "object-lock" (AWS with a default retention). docs/stores.md names the sources. Throws
/// std::invalid_argument where it knows no such server.
void make_like(ServerOptions& options, const std::string& server);

/// Something that goes wrong with the requests that match: `times` times, after `skip` matches went
/// well. The first fault added that matches is used. `operation` is the S3 name ("GetObject",
/// "HeadObject", "PutObject", "ListObjectsV2", "DeleteObject", "DeleteObjects", "CopyObject",
/// "RenameObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy",
/// "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts", "ListMultipartUploads",
/// "HeadBucket", "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration",
/// "DeleteBucketLifecycle", ...) or "*".
struct Fault {
  std::string operation = "*";
  std::string key = "*";  ///< Exact, or "*".
  /// "error:STATUS:CODE"   that answer, nothing done        "hang"            no answer at all
  /// "reset"               RST before answering             "lost-reply"      do it, then reset
  /// "reset-mid"           RST at half of the answer's body "expired-token"   400 ExpiredToken
  /// "truncate[:BYTES]"    close at half, or after BYTES    "skewed"          403
  /// RequestTimeTooSkewed "stall"               headers, then nothing            "wrong-etag"
  /// another ETag in the answer "stall-mid"           half of the body, then nothing
  /// "error-in-200:CODE" status 200, body an <Error> "corrupt"             one byte of the body
  /// flipped     "delay:MS"        that much later
  std::string kind;
  int times = 1;  ///< Negative: for ever.
  int skip = 0;
  double probability = 1.0;  ///< Of every match after the first `skip`.
};

/// Counted since the start or the last reset_stats(). Requests count when their headers have
/// arrived, faulty ones and refused ones included; bytes are those of the bodies.
struct ServerStats {
  std::map<std::string, uint64_t> requests;  ///< By operation.
  std::map<std::string, uint64_t> faults;    ///< That happened, by Fault::kind.
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t peak_concurrency = 0;  ///< Most requests in work at one time.
  uint64_t bad_signatures = 0;
  uint64_t connections = 0;  ///< Accepted.
};

/// An S3 server in memory that listens on 127.0.0.1 from construction to destruction, with latency,
/// bandwidth and faults to order. Shares no code with the client it tests. All methods are
/// thread-safe; buckets that do not exist read as empty and are made by put_object.
class TestServer {
 public:
  /// Throws std::runtime_error if it cannot listen.
  explicit TestServer(ServerOptions options = {});
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  uint16_t port() const;
  std::string endpoint() const;  ///< "http://127.0.0.1:PORT"

  void add_fault(Fault fault);
  void clear_faults();
  ServerStats stats() const;
  void reset_stats();
  /// Of the last request of that operation, names in lower case; see ServerOptions::keep_headers.
  std::map<std::string, std::string> last_headers(const std::string& operation) const;
  /// Takes first_byte, list_latency, the rates, the tail, error_probability, clock_skew,
  /// object_age and the times of restores from `timing`, for requests that begin later.
  void set_timing(const ServerOptions& timing);
  /// From now on requests must be signed with these, as after credentials were rotated.
  void set_credentials(const std::string& access_key, const std::string& secret_key,
                       const std::string& session_token);

  std::optional<std::string> object(const std::string& bucket, const std::string& key) const;
  std::optional<std::map<std::string, std::string>> metadata(const std::string& bucket,
                                                             const std::string& key) const;
  /// Names of `metadata` without "x-amz-meta-".
  void put_object(const std::string& bucket, const std::string& key, std::string bytes,
                  std::map<std::string, std::string> metadata = {});
  /// An object whose bytes are synthetic_bytes(key, offset, ...): takes no memory.
  void put_synthetic(const std::string& bucket, const std::string& key, uint64_t size);
  /// Moves the object there; `archive_tier` is that of INTELLIGENT_TIERING ("ARCHIVE_ACCESS"). What
  /// was restored of it is gone.
  void set_storage_class(const std::string& bucket, const std::string& key,
                         const std::string& storage_class, const std::string& archive_tier = "");
  std::string storage_class(const std::string& bucket, const std::string& key) const;
  /// The lifecycle configuration; empty: none.
  std::string lifecycle(const std::string& bucket) const;
  /// Sets it without a look at it, with x-amz-transition-default-minimum-object-size.
  void set_lifecycle(const std::string& bucket, const std::string& document,
                     const std::string& small_objects = "all_storage_classes_128K");
  std::string small_objects(const std::string& bucket) const;
  void delete_object(const std::string& bucket, const std::string& key);
  std::vector<std::string> keys(const std::string& bucket) const;  ///< In byte order.
  size_t unfinished_uploads(const std::string& bucket) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a synthetic object of that key holds at [offset, offset + length): pseudo-random bytes,
/// different for every key and repeating only after 4 MiB - 4 KiB.
std::string synthetic_bytes(const std::string& key, uint64_t offset, size_t length);

}  // namespace penstock::test
