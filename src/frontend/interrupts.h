// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "base/gate.h"
#include "base/log_limit.h"
#include "base/mutex.h"
#include "frontend/file_metrics.h"
#include "frontend/fuse_api.h"
#include "frontend/processes.h"

namespace penstock {

/// What happens of a call whose program is told EINTR while it is under way.
enum class Effect : uint8_t {
  none,  ///< Nothing: a program that goes on may ask again.
  part,  ///< Nothing, but it may be a part of a call that has begun: to read a page that a program
         ///< touches, which gets SIGBUS for it, or to look at a file that was just made.
  change,  ///< It takes place all the same: a program that asks again does it twice.
};

/// One request of the kernel, from its arrival to its one answer. libfuse frees the request with
/// the answer, which may come at any time from another thread: what is to be known of it is copied
/// here.
struct PendingRequest {
  using Clock = std::chrono::steady_clock;

  PendingRequest(fuse_req_t the_request, Effect the_effect);

  /// True for the first who asks: only that one may answer.
  bool claim() noexcept { return !answered.exchange(true); }

  const fuse_req_t request;
  const Effect effect;
  const Caller caller;
  const pid_t thread;  ///< Of the program; 0 where it is of another PID namespace.
  std::atomic<bool> answered = false;
  std::stop_source cancel;
  uint64_t id = 0;
  const Clock::time_point arrived = Clock::now();
};

/// Answers EINTR to programs that are stopped while they wait for the network; without it they
/// could not die.
///
/// The kernel passes the first signal on, whichever it is, and none that comes later. So a request
/// that was interrupted is looked at until it is answered: as soon as the program is ending it gets
/// its answer. Where the program handles the signal and goes on, or may do so, only what has no
/// effect is answered early. What can end early by itself is asked to (PendingRequest::cancel).
///
/// libfuse tells of an interrupt with a lock of the request's held, sometimes before the request
/// itself is handed over: it is only noted then, and answered by watch(). Thread-safe; must outlive
/// the session's requests.
class Interrupts {
 public:
  using Clock = std::chrono::steady_clock;
  /// How often the signals of an interrupted program are looked at.
  static constexpr std::chrono::milliseconds interval{100};
  /// A program whose signals cannot be seen gets its early answer after this time. Those that go on
  /// after a signal have theirs by then, as long as the store answers, and never learn of EINTR.
  static constexpr std::chrono::milliseconds patience{10'000};

  /// Makes `pending` interruptible until leave().
  void enter(const std::shared_ptr<PendingRequest>& pending) EXCLUDES(mutex_);
  void leave(const PendingRequest& pending) EXCLUDES(mutex_);

  /// Answers those who are being stopped, until `stop`; `answers` as SessionContext has it.
  void watch(Processes& processes, Gate& answers, const std::stop_token& stop) EXCLUDES(mutex_);
  /// The same once, as of `now`. False where no request is interrupted.
  bool look(Processes& processes, Gate& answers, Clock::time_point now) EXCLUDES(mutex_);

 private:
  struct Entry {
    std::shared_ptr<PendingRequest> pending;
    bool entered = false;  ///< libfuse has let go of the request.
    bool interrupted = false;
    Clock::time_point since;  ///< When it was first looked at; the epoch: not yet.
  };

  static void interrupted(fuse_req_t request, void* id);
  void note(uint64_t id) EXCLUDES(mutex_);
  void begin_watching() REQUIRES(mutex_);
  std::vector<Entry> watched(Clock::time_point now) EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar noted_;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  uint64_t watched_ GUARDED_BY(mutex_) = 0;  ///< Those that are entered and interrupted.
  std::unordered_map<uint64_t, Entry> pending_ GUARDED_BY(mutex_);
};

/// What fuse_req_userdata() of every request of a session points to.
struct SessionContext {
  Interrupts interrupts;
  /// A thread that answers a request holds a pass while it writes the answer. It is closed before
  /// the descriptor of /dev/fuse is: its number may be that of another file at once.
  Gate answers;
  FileMetrics metrics;
  LogLimit failures;  ///< Of the messages about failed calls.
};

}  // namespace penstock
