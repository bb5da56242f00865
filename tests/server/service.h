// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/digest.h"
#include "server/faults.h"
#include "server/operations.h"
#include "server/store.h"
#include "server/test_server.h"

namespace penstock::test {

/// One request on its way through the server.
struct Exchange {
  Request request;
  std::optional<Response> refusal;  ///< Answer this, whatever the body holds.
  FaultAction fault;
  std::chrono::nanoseconds latency{0};  ///< Before the first byte of the answer.
  std::vector<DigestKind> digests;      ///< To be taken of the body; none where it is not kept.
  bool keep_body = true;
};

/// What the S3 server does with requests, apart from moving their bytes. Thread-safe.
class Service {
 public:
  explicit Service(ServerOptions options);

  /// Finds out what a request wants, and whether it may, when its head has arrived.
  Exchange begin(Request request);
  /// Does it, when its body has arrived.
  Response finish(Exchange& exchange);
  /// The exchange is over, one way or another.
  void end() { --in_work_; }

  std::shared_ptr<const ServerOptions> options() const EXCLUDES(mutex_);
  void set_timing(const ServerOptions& timing) EXCLUDES(mutex_);
  void set_credentials(const std::string& access_key, const std::string& secret_key,
                       const std::string& session_token) EXCLUDES(mutex_);
  ServerStats stats() const EXCLUDES(mutex_);
  void reset_stats() EXCLUDES(mutex_);
  std::map<std::string, std::string> last_headers(const std::string& operation) const
      EXCLUDES(mutex_);

  Store& store() { return store_; }
  FaultTable& faults() { return faults_; }
  BlockPool& blocks() { return blocks_; }
  void count_connection() { ++connections_; }
  void count_in(uint64_t bytes) { bytes_in_ += bytes; }
  void count_out(uint64_t bytes) { bytes_out_ += bytes; }

 private:
  time_t now(const ServerOptions& options) const;
  void change_options(const std::function<void(ServerOptions&)>& change) EXCLUDES(mutex_);
  void count(const Request& request) EXCLUDES(mutex_);
  std::optional<Response> refuse(const Request& request, const ServerOptions& options)
      EXCLUDES(mutex_);
  void roll_dice(Exchange& exchange, const ServerOptions& options) EXCLUDES(mutex_);
  Response perform(const Exchange& exchange);
  Response control(const Request& request);
  void finalize(const Exchange& exchange, const ServerOptions& options, Response& response);

  mutable Mutex mutex_;
  std::shared_ptr<const ServerOptions> options_ GUARDED_BY(mutex_);
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> requests_ GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::string, std::string>> last_headers_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> bytes_in_ = 0;
  std::atomic<uint64_t> bytes_out_ = 0;
  std::atomic<uint64_t> bad_signatures_ = 0;
  std::atomic<uint64_t> connections_ = 0;
  std::atomic<uint64_t> next_request_id_ = 1;
  std::atomic<uint64_t> in_work_ = 0;
  std::atomic<uint64_t> peak_ = 0;
  Store store_;
  FaultTable faults_;
  BlockPool blocks_;
};

/// Sets operation, bucket and key from method, path, query and Host. Not nullopt: the refusal.
std::optional<Response> route(Request& request);

/// The answer to a body that is not what its Content-MD5, x-amz-checksum-* or x-amz-content-sha256
/// says.
std::optional<Response> wrong_checksum(const Request& request);
std::vector<DigestKind> wanted_digests(const Request& request, const ServerOptions& options);
const char* digest_name(DigestKind kind);

}  // namespace penstock::test
