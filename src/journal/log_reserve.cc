// SPDX-License-Identifier: Apache-2.0
#include "journal/log_reserve.h"

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "journal/journal_folder.h"

namespace penstock {

LogReserve::LogReserve(std::shared_ptr<Disk> disk, const std::string& folder)
    : disk_(std::move(disk)), path_(reserve_path(folder)) {}

bool LogReserve::ensure() {
  if (there_) return true;
  const MutexLock lock(mutex_);
  if (there_) return true;
  const DiskFile file = open_file(disk_, path_, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
  const std::vector<std::byte> bytes(size);
  const bool made = file && file.pwrite(bytes, 0) == 0;
  if (made) {
    spent_ = 0;
    there_ = true;
  } else {
    disk_->unlink(path_);
  }
  return made;
}

void LogReserve::instead(const std::function<uint64_t(uint64_t left)>& append) {
  const MutexLock lock(mutex_);
  if (there_.exchange(false)) disk_->unlink(path_);
  spent_ += append(for_states - std::min(spent_, for_states));
}

}  // namespace penstock
