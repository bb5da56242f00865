// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <unordered_map>

#include "base/gate.h"
#include "base/mutex.h"
#include "frontend/fuse_api.h"

namespace penstock {

/// One request of the kernel, from its arrival to its one answer.
struct PendingRequest {
  explicit PendingRequest(fuse_req_t the_request) : request(the_request) {}

  /// True for the first who asks: only that one may answer.
  bool claim() noexcept { return !answered.exchange(true); }

  const fuse_req_t request;
  std::atomic<bool> answered = false;
  std::stop_source cancel;
  uint64_t id = 0;
};

/// Answers EINTR to programs that are being killed while they wait for the network; without it they
/// could not die.
///
/// The kernel passes every signal on, also those that a program handles and goes on after (SIGCHLD,
/// Go's SIGURG): only SIGINT, SIGTERM and what will end the program count. Thread-safe; must
/// outlive the session's requests.
class Interrupts {
 public:
  /// Makes `pending` interruptible until leave().
  void enter(const std::shared_ptr<PendingRequest>& pending) EXCLUDES(mutex_);
  void leave(const PendingRequest& pending) EXCLUDES(mutex_);

 private:
  static void interrupted(fuse_req_t request, void* id);
  std::shared_ptr<PendingRequest> find(uint64_t id) EXCLUDES(mutex_);

  Mutex mutex_;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::unordered_map<uint64_t, std::shared_ptr<PendingRequest>> pending_ GUARDED_BY(mutex_);
};

/// What fuse_req_userdata() of every request of a session points to.
struct SessionContext {
  Interrupts interrupts;
  /// Whoever answers holds a pass while the answer is written. It is closed before the descriptor
  /// of /dev/fuse is: its number may be that of another file at once.
  Gate answers;
};

}  // namespace penstock
