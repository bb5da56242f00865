// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace penstock::fuzz {

/// A parser of bytes that others wrote: servers, other clients, disks, people.
struct Target {
  std::string_view name;  ///< Of its folder in tests/fuzz/corpus too.
  /// Parses any input. The process ends where the parser goes wrong, or where what has to hold of
  /// its result (must) does not.
  void (*run)(std::string_view input);
};

/// All there are, in the order of targets.cc.
std::span<const Target> all_targets();

/// Ends the process, which is what fuzzers see, where something does not hold. `what` is for
/// people.
void must(bool holds, std::string_view what);

}  // namespace penstock::fuzz
