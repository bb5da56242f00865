// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/environment.h"
#include "app/mount_report.h"
#include "journal/journal_report.h"

namespace penstock {

/// A mount of this machine, or a process that has lost its mount and still ends it.
struct KnownMount {
  enum class State : uint8_t { mounted, ending, dead };
  State state = State::mounted;
  std::string source;  ///< Empty where the mount is taken away already.
  std::string mountpoint;
  pid_t pid = 0;         ///< 0: no process is known.
  std::string journals;  ///< Where its journal is; empty: it has none.
  MountReport report;
};

/// Something that cannot be looked at, so that nobody knows what is pending there.
struct Unseen {
  std::string what;
  std::string why;  ///< And what to do.
};

/// What this machine has of Penstock, as far as this user may see it.
struct MachineState {
  std::vector<KnownMount> mounts;
  std::vector<JournalReport> journals;
  std::vector<Unseen> unseen;

  /// Files that are in no bucket yet.
  uint64_t pending() const;
};

/// Folders that a mount may use; each may be empty.
struct StateFolders {
  std::string journals;
  std::string state;
};

/// Reads mounts, asks their processes, and reads all journals that are known of: in `folders`, of
/// mounts, and noted in the state of `folders`; for root also those of other users. Changes
/// nothing.
MachineState read_machine_state(const std::vector<StateFolders>& folders,
                                const Environment& environment);

}  // namespace penstock
