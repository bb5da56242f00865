// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "app/environment.h"
#include "app/owned_fd.h"
#include "base/mutex.h"

namespace penstock {

/// Tells the service manager that started this process how the mount does, in the protocol of
/// sd_notify(3): READY=1 once the mount answers, WATCHDOG=1 for as long as it moves where the
/// manager asked for that (WATCHDOG_USEC), STATUS= with a line for people whenever that changes,
/// STOPPING=1. Has a thread of its own, which may hang with the mount. What cannot be sent is not:
/// the manager is gone then. Thread-safe.
class ServiceNotice {
 public:
  struct Parts {
    /// Asks the mount something and returns whether it answered. Is called until it did.
    std::function<bool()> answers;
    /// Whether the mount goes on with what it is asked.
    std::function<bool()> moves;
    /// A line of what the mount does, without a line feed.
    std::function<std::string()> status;
    std::chrono::milliseconds period{1000};  ///< Between looks at `status`.
  };

  /// Null where no service manager listens (NOTIFY_SOCKET), or not in a way that is known here.
  static std::unique_ptr<ServiceNotice> start(const Environment& environment, Parts parts);

  /// Waits for the thread: what it may hang in must be gone.
  ~ServiceNotice();
  ServiceNotice(const ServiceNotice&) = delete;
  ServiceNotice& operator=(const ServiceNotice&) = delete;

  /// The mount ends; it is still looked at.
  void stopping() EXCLUDES(mutex_);
  /// Parts::moves and Parts::status are not called any more when this returns, and nothing is sent.
  void forget_mount() EXCLUDES(mutex_);

 private:
  ServiceNotice(OwnedFd socket, std::string address, std::chrono::microseconds watchdog,
                Parts parts);
  void run() EXCLUDES(mutex_);
  bool wait(std::chrono::milliseconds time) EXCLUDES(mutex_);
  void look(bool ping) EXCLUDES(mutex_);
  void send(std::string_view text) const;

  const OwnedFd socket_;
  const std::string address_;                 ///< As the kernel has it: abstract ones begin with 0.
  const std::chrono::milliseconds watchdog_;  ///< Between pings; 0: none are wanted.
  const std::function<bool()> answers_;
  const std::function<bool()> moves_;
  const std::function<std::string()> status_;
  const std::chrono::milliseconds period_;

  Mutex mutex_;
  CondVar wake_;
  bool end_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool forgotten_ GUARDED_BY(mutex_) = false;
  bool asking_ GUARDED_BY(mutex_) = false;  ///< The mount is being asked.
  std::string sent_;                        ///< The thread's.
  std::jthread thread_;                     ///< Last: it uses all the others.
};

}  // namespace penstock
