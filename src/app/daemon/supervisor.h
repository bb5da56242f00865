// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "frontend/fuse_session.h"
#include "penstock/file_system.h"
#include "penstock/result.h"

namespace penstock {

/// Sees a mount through its serving and its end, in this order: what programs changed in mapped
/// files comes in from the kernel, what is written is uploaded (while programs are still answered),
/// the mount is taken away, lazily if programs use it, serving stops.
///
///     state     on signal                              on unmount from outside
///     starting  exit at once: nothing is mounted yet   -
///     serving   ending                                 ending
///     ending    the second one: exit at once           noted
///     ended     the second one: exit at once           -
class Supervisor {
 public:
  struct Outcome {
    Result<void> served;               ///< Why serving stopped by itself, if it failed.
    std::vector<std::string> unsaved;  ///< Paths that could not be saved.
  };
  struct Parts {
    FileSystem& file_system;
    FuseSession& session;
    std::chrono::milliseconds stop_timeout;
    /// What is not in the bucket is safe in a journal: an unmount waits for all of it, unless
    /// SIGUSR1 says to leave the rest to the next mount.
    bool journaled = false;
    /// Has the kernel send what it holds of programs' changes, in at most this time, while the
    /// mount takes changes. (An unmount from outside has done so.)
    std::function<void(std::chrono::milliseconds)> send_pages;
    std::function<void()> waiting;  ///< Called every second while the end waits for uploads.
    std::function<bool()> still_mounted;
    std::function<void()> serving;  ///< Called once when requests are being served.
    /// Called once when the mount begins to end; `unmounted`: it has been taken away already.
    std::function<void(bool unmounted)> ending;
  };

  /// `exit_now` must end the process; it is called on the thread that calls signal().
  Supervisor(std::shared_ptr<Log> log, std::function<void()> exit_now);

  /// Serves until a signal or an unmount, ends in order and returns how that went. Once.
  Outcome run(const Parts& parts) EXCLUDES(mutex_);

  /// SIGINT, SIGTERM or SIGUSR1 arrived. Thread-safe.
  void signal(int number) EXCLUDES(mutex_);

 private:
  enum class Event : uint8_t { asked_to_end, leave_pending, session_ended, saved };

  void post(Event event) EXCLUDES(mutex_);
  Event next() EXCLUDES(mutex_);
  /// Nothing where none came within a second.
  std::optional<Event> next_soon() EXCLUDES(mutex_);
  std::vector<std::string> save(const Parts& parts, bool& session_ended) EXCLUDES(mutex_);

  const std::shared_ptr<Log> log_;
  const std::function<void()> exit_now_;

  Mutex mutex_;
  CondVar wake_;
  bool starting_ GUARDED_BY(mutex_) = true;
  int signals_ GUARDED_BY(mutex_) = 0;
  std::deque<Event> events_ GUARDED_BY(mutex_);
  std::vector<std::string> unsaved_ GUARDED_BY(mutex_);
};

}  // namespace penstock
