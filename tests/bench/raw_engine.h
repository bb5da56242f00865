// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "server/request_signer.h"

namespace penstock::bench {

/// One request for RawEngine.
struct RawJob {
  test::SignedRequest request;
  std::string_view body;  ///< Must stay alive.
  uint64_t expected = 0;  ///< Bytes of the answer; anything else is a failure. Ignored with `keep`.
  bool keep = false;      ///< Keep the answer's bytes for `done`.
  std::function<void(std::string etag, std::string answer)>
      done;  ///< May be empty. Called by an engine's thread.
};

struct RawTarget {
  std::string endpoint;
  test::SignerCredentials credentials;
  uint32_t connections = 32;
  uint32_t threads = 2;
};

/// Runs S3 requests as fast as plain libcurl can, bodies into memory that is used again and again:
/// the limit that a file system over the same server, machine and library cannot pass.
class RawEngine {
 public:
  explicit RawEngine(RawTarget target) : target_(std::move(target)) {}

  /// Takes jobs from `next` (called from any thread, one at a time) until it gives none and all are
  /// done. Throws std::runtime_error when a request fails.
  void run(std::function<std::optional<RawJob>()> next) EXCLUDES(mutex_);

  uint64_t bytes() const EXCLUDES(mutex_);
  std::vector<double> latencies() const EXCLUDES(mutex_);

 private:
  friend class RawThread;

  std::optional<RawJob> take() EXCLUDES(mutex_);
  void add(uint64_t bytes, double seconds) EXCLUDES(mutex_);
  void fail(const std::string& what) EXCLUDES(mutex_);

  const RawTarget target_;
  mutable Mutex mutex_;
  std::function<std::optional<RawJob>()> next_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<double> latencies_ GUARDED_BY(mutex_);
  std::string failure_ GUARDED_BY(mutex_);
};

}  // namespace penstock::bench
