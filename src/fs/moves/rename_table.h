// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/scheduler.h"
#include "fs/nodes/parts.h"

namespace penstock {

/// The renames of several objects that are under way, for people who wonder. Thread-safe.
class RenameTable {
 public:
  RenameTable(const FileSystemParts& parts) : parts_(parts) {}

  uint64_t add(RenameState state) EXCLUDES(mutex_) {
    uint64_t number = 0;
    {
      const MutexLock lock(mutex_);
      number = next_++;
      renames_[number] = std::move(state);
    }
    report(true);
    return number;
  }
  void update(uint64_t number, RenameState::Phase phase, uint64_t done, uint64_t known)
      EXCLUDES(mutex_) {
    bool changed = false;
    {
      const MutexLock lock(mutex_);
      const auto found = renames_.find(number);
      if (found == renames_.end()) return;  // the last copy's answer may come after the end
      RenameState& state = found->second;
      changed = std::exchange(state.phase, phase) != phase;
      state.done = done;
      state.objects = known;
    }
    report(changed);
  }
  void remove(uint64_t number) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      renames_.erase(number);
    }
    report(true);
  }

 private:
  static constexpr std::chrono::milliseconds pause{500};

  void report(bool now) EXCLUDES(mutex_) {
    if (!parts_.report_renames) return;
    // Reports in their order: the last one must be the last state.
    const MutexLock lock(mutex_);
    const Scheduler::Time time = parts_.scheduler.now();
    if (!now && time - reported_ < pause) return;
    reported_ = time;
    std::vector<RenameState> states;
    for (const auto& [number, state] : renames_) states.push_back(state);
    parts_.report_renames(std::move(states));
  }

  const FileSystemParts& parts_;
  Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, RenameState> renames_ GUARDED_BY(mutex_);
  Scheduler::Time reported_ GUARDED_BY(mutex_){};
};

}  // namespace penstock
