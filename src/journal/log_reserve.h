// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/disk.h"
#include "base/mutex.h"

namespace penstock {

/// Room on the disk that is kept for the log of a journal: a file that nobody reads, which is given
/// up when the disk is full. Without it a disk could fill up with the bytes of files whose states
/// the log cannot take any more: nothing of them could be uploaded then, and so nothing removed.
///
/// Data are taken only while the reserve is there; so what is given up of it stays the log's, as
/// far as it goes among the programs of the machine. Thread-safe; methods block on the disk.
class LogReserve {
 public:
  static constexpr uint64_t size = 256ULL << 10;
  /// Of it, what states may take: what makes room must get through after them.
  static constexpr uint64_t for_states = size / 2;

  LogReserve(std::shared_ptr<Disk> disk, const std::string& folder);

  /// Whether it is there; makes it where it is not and there is room.
  bool ensure() EXCLUDES(mutex_);

  /// Gives it up and calls `append`, which gets how many bytes states may still take and answers
  /// how many the log has taken. Nobody makes the reserve anew meanwhile.
  void instead(const std::function<uint64_t(uint64_t left)>& append) EXCLUDES(mutex_);

 private:
  const std::shared_ptr<Disk> disk_;
  const std::string path_;
  std::atomic<bool> there_{false};  ///< Written under the lock.
  Mutex mutex_;
  uint64_t spent_ GUARDED_BY(mutex_) = 0;  ///< By the log, since it was given up.
};

}  // namespace penstock
