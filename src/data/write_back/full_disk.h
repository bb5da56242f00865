// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// How long those wait who need room on the journal's full disk, which uploads make. They ask again
/// and again, and whoever asks first after some room was made has it; so one of many can go without
/// for long while all is well. Therefore nobody's patience ends while objects arrive in the bucket.
/// Thread-safe.
class FullDisk {
 public:
  /// From the beginning of the wait, or from the last object that arrived since.
  static constexpr std::chrono::seconds patience{60};
  /// Where nothing is left to upload: until what the last uploads have left is cleared away.
  static constexpr std::chrono::seconds clearing{2};

  explicit FullDisk(std::shared_ptr<Log> log) : log_(std::move(log)) {}

  /// Something of the journal is in the bucket now.
  void arrived(Scheduler::Time now) EXCLUDES(mutex_);
  /// Whether one who has waited since `began` does well to wait on; `uploads`: some are still owed.
  bool may_come(Scheduler::Time began, bool uploads, Scheduler::Time now) EXCLUDES(mutex_);

 private:
  const std::shared_ptr<Log> log_;
  Mutex mutex_;
  std::optional<Scheduler::Time> arrived_ GUARDED_BY(mutex_);  ///< The last.
  std::optional<Scheduler::Time> hopeful_ GUARDED_BY(mutex_);  ///< When uploads were last owed.
  std::optional<Scheduler::Time> warned_ GUARDED_BY(mutex_);
};

}  // namespace penstock
