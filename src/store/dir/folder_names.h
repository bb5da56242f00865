// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace penstock {

/// The files and folders of one folder, folders with a "/" behind their name, in byte order: then
/// the keys below them are in byte order too ("a-b" < "a/..." < "a0"). Links and special files are
/// left out.
using FolderNames = std::vector<std::string>;

/// Reads a folder; `is_root` leaves .penstock out. 0, or the errno why not.
int read_folder(int folder, bool is_root, FolderNames& names);

/// True if read_folder would find nothing. Stops at the first name.
bool is_empty_folder(int folder, bool is_root);

/// Keeps what was read of folders that are large or listed again and again (each page of a listing
/// needs its folder's names in order), as long as the folder's times say that it did not change.
/// Thread-safe.
class FolderCache {
 public:
  using Names = std::shared_ptr<const FolderNames>;

  /// Keeps about `max_names` names in all; one folder larger than that is kept alone.
  explicit FolderCache(size_t max_names = 400'000) : max_names_(max_names) {}

  /// Null where the folder cannot be read; then `error` is the errno.
  Names read(int folder, bool is_root, int& error) EXCLUDES(mutex_);

 private:
  struct Kept {
    dev_t device;
    ino_t inode;
    int64_t mtime_ns;
    int64_t ctime_ns;
    Names names;
  };
  Names find(const Kept& wanted) EXCLUDES(mutex_);
  void keep(Kept kept) EXCLUDES(mutex_);

  const size_t max_names_;
  Mutex mutex_;
  std::list<Kept> kept_ GUARDED_BY(mutex_);  // The latest used first.
  size_t total_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock
