// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "penstock/result.h"

namespace penstock {

/// A command line as words: blanks separate, quotes and backslashes keep together, as a shell does;
/// nothing is expanded.
std::vector<std::string> split_command(std::string_view command);

/// Runs a command without a shell and gives what it printed to its standard output. unavailable
/// where it cannot be started, access_denied where it exits with a failure (with what it said),
/// timed_out after `limit` (it is killed then), cancelled when stopped. Blocks.
Result<std::string> run_process(const std::vector<std::string>& words,
                                std::chrono::milliseconds limit, const std::stop_token& stop);

/// Runs one command at a time on a thread of its own; destroying it waits for the command: stop it
/// first.
class CredentialsProcess {
 public:
  static constexpr std::chrono::milliseconds limit{60'000};

  /// `done` is called on its thread. The next run may only follow when it has been.
  void run(const std::string& command, std::stop_token stop, Done<std::string> done);

 private:
  std::jthread thread_;
};

}  // namespace penstock
