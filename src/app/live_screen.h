// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <chrono>
#include <string>
#include <vector>

namespace penstock {

/// A page that takes the whole terminal of standard output for as long as it lives; what was there
/// before comes back then, also after Ctrl-C. For a process of one thread.
class LiveScreen {
 public:
  LiveScreen();
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;
  ~LiveScreen();

  /// Whether standard output is a terminal, without which there can be none.
  static bool possible();

  /// Shows the lines, as much of them as has room. False: the terminal is gone.
  bool show(const std::vector<std::string>& lines);
  /// Waits; false where the user or the system wants it to end. Returns early where the terminal
  /// has got another size.
  bool wait(std::chrono::milliseconds time);

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

}  // namespace penstock
