// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/mutex.h"
#include "cache/disk_cache.h"
#include "data/read/fetch.h"

namespace penstock {

/// The disk cache's file of one object version. It is opened when somebody first needs it, on the
/// cache's threads, for opening blocks on the disk. Thread-safe.
class CacheLink : public std::enable_shared_from_this<CacheLink> {
 public:
  using FilePtr = std::shared_ptr<CacheFile>;

  CacheLink(DiskCache& cache, CachedVersion version)
      : cache_(cache), version_(std::move(version)) {}

  /// Calls `work` with the file on a thread that may block on the disk; null where the cache takes
  /// no file now. Never called when the cache ends first.
  void with_file(Callback<void(const FilePtr&)> work);

  /// Calls `work` with what the cache has of the object, in the same way.
  void with_share(Callback<void(const CacheShare&)> work);

  /// The file where it is open already; null otherwise. Does not block.
  FilePtr file() const EXCLUDES(mutex_);

 private:
  FilePtr open() EXCLUDES(mutex_);

  DiskCache& cache_;
  const CachedVersion version_;
  mutable Mutex mutex_;
  FilePtr file_ GUARDED_BY(mutex_);
};

/// Fills `fetch` from its beginning with what the cache has of it. True where that was all of it.
/// Blocks on the disk.
bool fill_from_cache(CacheFile& file, Fetch& fetch);

}  // namespace penstock
