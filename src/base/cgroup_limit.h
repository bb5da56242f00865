// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

/// The smallest memory limit of this process's control groups and of those above them as far as
/// they can be seen, of both versions of cgroups; all ones where there is none. `root` is where
/// /proc and /sys are looked for; empty: the machine's.
uint64_t cgroup_memory_limit(const std::string& root = "");

}  // namespace penstock
