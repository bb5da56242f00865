// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/opened_files.h"

#include <utility>

#include "data/epoch/small_objects.h"

namespace penstock {

uint64_t OpenedFiles::next_number() {
  const MutexLock lock(mutex_);
  return ++last_number_;
}

void OpenedFiles::opened(const std::string& key) {
  const size_t hash = hash_of(key);
  const MutexLock lock(mutex_);
  opened_[hash % slots] = {.key = hash, .number = last_number_};
}

bool OpenedFiles::opened_since(const std::string& key, uint64_t number) {
  const size_t hash = hash_of(key);
  const MutexLock lock(mutex_);
  const Opened& opened = opened_[hash % slots];
  return opened.key == hash && opened.number >= number;
}

// No reader may end here, for that answers whoever waits for it: with the lock.
OpenedFiles::Shared* OpenedFiles::known(const ObjectVersion& version) {
  const auto found = shared_.find(version.key);
  const bool same = found != shared_.end() && found->second.etag == version.etag;
  return same && !found->second.reader.expired() ? &found->second : nullptr;
}

std::shared_ptr<ObjectReader> OpenedFiles::read_by(const ObjectVersion& version, const Open& open) {
  const MutexLock lock(mutex_);
  Shared* const shared = known(version);
  // The reader of another program tells that one what it learns of the object.
  if (shared != nullptr && shared->fetching) {
    if (std::shared_ptr<ObjectReader> reader = shared->reader.lock()) {
      shared->open = true;
      return reader;
    }
  }
  std::shared_ptr<ObjectReader> reader = open();
  remember(version, {.etag = version.etag, .reader = reader, .open = true});
  return reader;
}

std::shared_ptr<ObjectReader> OpenedFiles::fetch_by(const ObjectVersion& version,
                                                    const Open& open) {
  const MutexLock lock(mutex_);
  if (Shared* const shared = known(version)) {
    if (std::shared_ptr<ObjectReader> reader = shared->reader.lock()) {
      shared->fetching = true;
      return reader;
    }
  }
  std::shared_ptr<ObjectReader> reader = open();
  remember(version, {.etag = version.etag, .reader = reader, .fetching = true});
  return reader;
}

bool OpenedFiles::is_open(const ObjectVersion& version) {
  const MutexLock lock(mutex_);
  const Shared* const shared = known(version);
  return shared != nullptr && shared->open;
}

void OpenedFiles::remember(const ObjectVersion& version, Shared shared) {
  shared_.insert_or_assign(version.key, std::move(shared));
  if (shared_.size() < sweep_at_) return;
  std::erase_if(shared_, [](const auto& one) { return one.second.reader.expired(); });
  sweep_at_ = 2 * shared_.size() + 64;
}

}  // namespace penstock
