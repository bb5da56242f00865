// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "simulation/program.h"

namespace penstock::sim {

struct RunOptions {
  bool trace = false;
  /// How long an answer of others may be old, in times of --metadata-ttl.
  double belief = 1;
  /// Which run of the script: its chances, but for those that made it.
  uint64_t variant = 0;
  /// Told of each step that a program has done: its errno, 0, or -1 where there was nothing to do;
  /// and what was read, the names that were listed, or what a stat has said.
  std::function<void(int program, const Step& step, int error, const std::string& said)> answered;
};

struct RunResult {
  uint64_t events = 0;
  uint64_t hash = 0;
  uint64_t steps = 0;
};

/// Plays the script from its beginning to its end, in this process, once. A broken promise goes to
/// violation().
RunResult run_script(const Script& script, const RunOptions& options);

}  // namespace penstock::sim
