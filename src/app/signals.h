// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

#include "app/owned_fd.h"

namespace penstock {

/// Turns SIGINT, SIGTERM, SIGHUP and SIGUSR1 into calls of a function on a thread of its own, and
/// makes SIGPIPE harmless for the process. Make it before any other thread that takes signals: they
/// inherit that these are blocked. They stay blocked after its end.
class SignalWatcher {
 public:
  explicit SignalWatcher(std::function<void(int signal)> on_signal);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

 private:
  void watch();

  std::function<void(int)> on_signal_;
  OwnedFd signals_;
  OwnedFd stop_;
  std::jthread thread_;
};

}  // namespace penstock
