// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// S3's RenameObject, which directory buckets have, and some other servers. A server that does not
/// know it may take the request for a PUT without bytes, and put an empty object over the target.
/// So it is tried first, once, with an object made for that: only where the bytes arrive under the
/// other key, and with the same ETag, are objects of others ever renamed.
///
///     unknown ─first rename─> trying ─it works─> works
///        ↑───────no answer──────┘ └──anything else──> refused, for good
///
/// Thread-safe. `session` must outlive it; `done` as S3Session::send.
class S3Renames {
 public:
  /// Objects with two keys that begin with `trial_prefix`, which nothing else has, are made and
  /// removed for the trial; empty: nothing is ever renamed.
  S3Renames(S3Session& session, std::string trial_prefix, std::shared_ptr<Log> log);

  /// Whether the server may have it, as far as is known.
  bool possible() const noexcept { return possible_; }
  void rename(RenameRequest request, Done<ObjectInfo> done) EXCLUDES(mutex_);

 private:
  class Trial;
  enum class State : uint8_t { unknown, trying, works, refused };
  struct Waiter {
    RenameRequest request;
    Done<ObjectInfo> done;
  };

  void send(RenameRequest request, Done<ObjectInfo> done);
  /// Says which of the conditions of a refused request it was.
  void explain(const RenameRequest& request, const Error& refusal, Done<ObjectInfo> done);
  void tried(State outcome, const std::string& why) EXCLUDES(mutex_);
  void refuse(const std::string& why) EXCLUDES(mutex_);

  S3Session& session_;
  const std::string trial_prefix_;
  const std::shared_ptr<Log> log_;
  std::atomic<bool> possible_;
  Mutex mutex_;
  State state_ GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ GUARDED_BY(mutex_);  ///< For the end of the trial.
};

}  // namespace penstock
