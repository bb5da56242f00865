// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "app/environment.h"
#include "app/mount_report.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// What a mount of this machine tells of itself.
struct MountFacts {
  std::string source;
  std::string mountpoint;
  bool dead = false;     ///< Its process has died.
  bool answers = false;  ///< To statfs, in time.
  pid_t pid = 0;         ///< 0: no process is known here.
  std::string version;   ///< Of its program; empty: it does not tell.
  std::string own_version;
  std::string problem;  ///< Why it does not tell more; empty: it does.
  std::chrono::seconds age{0};
  std::optional<bool> passthrough;  ///< Nothing: it is of a version that does not tell.
  uint64_t cache_bytes = 0;
  uint64_t cache_limit = 0;  ///< 0: it has no cache.
  uint64_t corrupt_chunks = 0;
  uint64_t memory_used = 0;
  uint64_t memory_limit = 0;
  uint64_t requests = 0;
  uint64_t request_errors = 0;
  uint64_t throttled = 0;
  uint64_t pending_files = 0;
  std::chrono::seconds pending_for{0};
  MountReport report;
};

/// Of the Penstock mount at `path`, which is as a user types it. not_found: there is none. Waits
/// for some seconds at most, also for a mount that hangs.
Result<MountFacts> read_mount_facts(const std::string& path, const Environment& environment);
Findings judge(const MountFacts& facts);

/// The options that the process of a mount was started with, as far as its command line and the
/// configuration files of this user tell them. The error is a sentence for a person.
Result<Options> options_of_process(pid_t pid, const Environment& environment);

}  // namespace penstock
