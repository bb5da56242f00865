// SPDX-License-Identifier: Apache-2.0
#include "store/dir/folder_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/wall_clock.h"
#include "store/dir/key_path.h"
#include "store/dir/posix.h"

namespace penstock {
namespace {

// How old a folder's last change must be for its times to tell of the next one: file systems stamp
// with a clock that ticks every 1 to 10 ms.
constexpr int64_t settled_ns = 100'000'000;

// Calls `take(name, is_folder)` for every visible entry until it says false.
template <typename Take>
int visit(int folder, bool is_root, Take take) {
  const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  DIR* open = fdopendir(fd);
  if (open == nullptr) {
    const int error = errno;
    close(fd);
    return error;
  }
  bool more = true;
  errno = 0;
  while (more) {
    errno = 0;
    const dirent* entry = readdir(open);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (is_root && name == private_folder)) continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      struct stat status {};
      if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_DIR || type == DT_REG) more = take(name, type == DT_DIR);
  }
  const int error = more ? errno : 0;
  closedir(open);
  return error;
}

}  // namespace

int read_folder(int folder, bool is_root, FolderNames& names) {
  const int error = visit(folder, is_root, [&](std::string_view name, bool is_folder) {
    names.emplace_back(name);
    if (is_folder) names.back().push_back('/');
    return true;
  });
  std::sort(names.begin(), names.end());
  return error;
}

bool is_empty_folder(int folder, bool is_root) {
  bool empty = true;
  const int error = visit(folder, is_root, [&](std::string_view, bool) {
    empty = false;
    return false;
  });
  return error == 0 && empty;
}

FolderCache::Names FolderCache::read(int folder, bool is_root, int& error) {
  struct stat status {};
  if (fstat(folder, &status) != 0) {
    error = errno;
    return nullptr;
  }
  const int64_t began = wall_clock_ns();
  Kept entry{status.st_dev, status.st_ino, to_ns(status.st_mtim), to_ns(status.st_ctim), nullptr};
  if (Names names = find(entry)) return names;
  auto names = std::make_shared<FolderNames>();
  error = read_folder(folder, is_root, *names);
  if (error != 0) return nullptr;
  entry.names = std::move(names);
  if (began - std::max(entry.mtime_ns, entry.ctime_ns) > settled_ns) keep(entry);
  return entry.names;
}

FolderCache::Names FolderCache::find(const Kept& wanted) {
  const MutexLock lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (at->device != wanted.device || at->inode != wanted.inode) continue;
    if (at->mtime_ns == wanted.mtime_ns && at->ctime_ns == wanted.ctime_ns) {
      kept_.splice(kept_.begin(), kept_, at);
      return kept_.front().names;
    }
    total_ -= at->names->size();
    kept_.erase(at);
    return nullptr;
  }
  return nullptr;
}

void FolderCache::keep(Kept kept) {
  constexpr size_t max_folders = 64;
  const MutexLock lock(mutex_);
  total_ += kept.names->size();
  kept_.push_front(std::move(kept));
  while (kept_.size() > 1 && (total_ > max_names_ || kept_.size() > max_folders)) {
    total_ -= kept_.back().names->size();
    kept_.pop_back();
  }
}

}  // namespace penstock
