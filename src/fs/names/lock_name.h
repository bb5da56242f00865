// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock {

/// Whether programs use a file of this name to keep others out: git's index.lock, apt's lock,
/// LevelDB's LOCK, *.lck, *.pid, Python's filelock, procmail's.
bool lock_name(std::string_view name);

}  // namespace penstock
