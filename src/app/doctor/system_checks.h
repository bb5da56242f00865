// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "app/doctor/finding.h"
#include "penstock/options.h"

namespace penstock {

/// Memory, descriptors and clock of this machine.
struct SystemFacts {
  uint64_t memory = 0;        ///< Bytes of RAM.
  uint64_t cgroup_limit = 0;  ///< Bytes; not below `memory`: there is none.
  uint64_t mount_limit = 0;   ///< What --memory-limit is, or would be.
  uint64_t files_hard = 0;  ///< RLIMIT_NOFILE, up to which a mount raises its own; all ones: none.
  uint32_t max_connections = 0;
  bool clock_known = true;   ///< adjtimex could be asked.
  bool clock_synced = true;  ///< The kernel is told that its clock follows another.
  int64_t clock_error_us = 0;
  int64_t now = 0;  ///< Seconds since the epoch.
};

SystemFacts read_system_facts(const Options& options);
Findings judge(const SystemFacts& facts);

}  // namespace penstock
