// SPDX-License-Identifier: Apache-2.0
#include "data/read/cache_link.h"

#include <algorithm>
#include <utility>

namespace penstock {

void CacheLink::with_file(Callback<void(const FilePtr&)> work) {
  cache_.post(
      [self = shared_from_this(), work = std::move(work)]() mutable { work(self->open()); });
}

void CacheLink::with_share(Callback<void(const CacheShare&)> work) {
  with_file([self = shared_from_this(), work = std::move(work)](const FilePtr& file) mutable {
    CacheShare share = file == nullptr ? CacheShare{} : file->share();
    share.limit = self->cache_.stats().size_limit;
    work(share);
  });
}

CacheLink::FilePtr CacheLink::file() const {
  const MutexLock lock(mutex_);
  return file_;
}

CacheLink::FilePtr CacheLink::open() {
  if (FilePtr known = file()) return known;
  FilePtr opened = cache_.open(version_, nullptr);
  const MutexLock lock(mutex_);
  if (file_ == nullptr) file_ = std::move(opened);
  return file_;
}

bool fill_from_cache(CacheFile& file, Fetch& fetch) {
  uint64_t at = fetch.begin();
  while (at < fetch.end()) {
    const uint64_t there = file.missing_from(at, fetch.end());
    if (there == at) return false;
    while (at < there) {
      const std::span<std::byte> room = fetch.room(there - at);
      // What turns out to be damaged is fetched like what is missing.
      if (!file.read(at, room)) return false;
      at += room.size();
      if (!fetch.filled_room(room.size())) return false;
    }
  }
  return true;
}

}  // namespace penstock
