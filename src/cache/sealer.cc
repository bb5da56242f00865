// SPDX-License-Identifier: Apache-2.0
#include "cache/sealer.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <optional>

#include "cache/cache_file.h"
#include "cache/map_file.h"

namespace penstock {

bool Sealer::add(Pending pending) {
  const MutexLock lock(mutex_);
  if (pending_.size() >= max_pending) return false;
  pending_.push_back(std::move(pending));
  return pending_.size() == 1;
}

int Sealer::run(const DiskFile& file) {
  std::vector<Pending> taken;
  {
    const MutexLock lock(mutex_);
    taken.swap(pending_);
  }
  if (taken.empty()) return 0;
  int result = file.syncfs();
  if (result != 0) {
    for (const Pending& pending : taken)
      if (const auto open = pending.file.lock()) open->distrust();
    return result;
  }
  for (const Pending& pending : taken) {
    result = seal(pending);
    // Removed since, or its folder; others are not concerned.
    if (result != 0 && result != -ENOENT) return result;
  }
  return 0;
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
