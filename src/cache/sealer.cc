// SPDX-License-Identifier: Apache-2.0
#include "cache/sealer.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "cache/cache_file.h"
#include "cache/map_file.h"

namespace penstock {

bool Sealer::add(Pending pending) {
  const MutexLock lock(mutex_);
  if (pending_.size() >= max_pending) return false;
  std::string name = pending.name;
  pending_.insert_or_assign(std::move(name), std::move(pending));
  return !std::exchange(scheduled_, true);
}

std::optional<Seal> Sealer::find(const std::string& name, uint64_t header_sum) const {
  const MutexLock lock(mutex_);
  const auto found = pending_.find(name);
  if (found == pending_.end() || found->second.header_sum != header_sum) return std::nullopt;
  return found->second.seal;
}

void Sealer::forget(const std::string& name) {
  const MutexLock lock(mutex_);
  pending_.erase(name);
}

// A newer seal of the file, added since this flush began, stays: it waits for the next one.
void Sealer::forget(const Pending& pending) {
  const MutexLock lock(mutex_);
  const auto found = pending_.find(pending.name);
  if (found != pending_.end() && found->second.seal == pending.seal) pending_.erase(found);
}

int Sealer::run(const DiskFile& file) {
  std::vector<Pending> taken;
  {
    const MutexLock lock(mutex_);
    scheduled_ = false;
    for (const auto& [name, pending] : pending_) taken.push_back(pending);
  }
  if (taken.empty()) return 0;
  const int flushed = file.syncfs();
  int result = flushed;
  for (const Pending& pending : taken) {
    if (flushed != 0) {
      if (const auto open = pending.file.lock()) open->distrust();
    } else if (result == 0) {
      result = seal(pending);
      // Removed since, or its folder; others are not concerned.
      if (result == -ENOENT) result = 0;
    }
    forget(pending);
  }
  return result;
}

// Opened anew: the files are not kept open only to be sealed.
int Sealer::seal(const Pending& pending) const {
  const DiskFile data = open_file(disk_, directory_.data_path(pending.name), O_RDONLY | O_NOFOLLOW);
  if (!data) return data.get();
  const int locked = data.try_lock(LOCK_SH);
  if (locked != 0) return locked == -EWOULDBLOCK ? 0 : locked;
  Disk::Status status;
  if (const int result = data.stat(status); result != 0) return result;
  const Seal now{.inode = status.inode, .modified_ns = status.modified_ns};
  if (now != pending.seal || status.links == 0) return 0;
  const DiskFile map_file =
      open_file(disk_, directory_.map_path(pending.name), O_RDWR | O_NOFOLLOW);
  if (!map_file) return map_file.get();
  std::optional<ParsedMap> map;
  if (const int result = read_map(map_file, map); result != 0) return result;
  if (!map || map->sum != pending.header_sum) return 0;
  return map_file.pwrite(encode_seal(now, map->sum), map->seal_at());
}

}  // namespace penstock
