// SPDX-License-Identifier: Apache-2.0
// The part of CacheFile that writes behind.
#include <algorithm>

#include "cache/cache_file.h"

namespace penstock {

void CacheFile::offer(uint64_t offset, std::span<const std::byte> bytes,
                      const std::shared_ptr<const void>& owner, std::span<const uint64_t> sums) {
  const uint64_t size = layout_.object_size();
  if (offset >= size || refused_) return;
  bytes = bytes.first(std::min<uint64_t>(bytes.size(), size - offset));
  const ChunkRange covered = layout_.covered(offset, offset + bytes.size());
  if (covered.empty()) return;
  if (!core_->health.takes_writes(core_->scheduler->now())) {
    core_->counters.refused += layout_.bytes_of(covered).length;
    return;
  }
  bool start = false;
  {
    const MutexLock lock(mutex_);
    start = waiting_.offer(covered, present_, offset, bytes, owner, sums);
  }
  if (start) post_fill();
}

void CacheFile::post_fill() {
  core_->scheduler->post([self = shared_from_this()] { self->fill(); });
}

ChunkQueue::Batch CacheFile::take_batch() {
  const MutexLock lock(mutex_);
  return waiting_.take();
}

void CacheFile::fill() {
  const ChunkQueue::Batch batch = take_batch();
  const std::vector<ChunkRange> written = writer_.write(batch.runs);
  bool more = false;
  bool complete = false;
  {
    const MutexLock lock(mutex_);
    for (const ChunkRange& chunks : written) {
      present_.add(chunks);
      verified_.add(chunks);
    }
    more = waiting_.done(batch);
    complete = present_.full() && !refused_;
    if (!more && complete) writer_.rest();
  }
  // The file was distrusted while this was being written.
  if (refused_) {
    for (const ChunkRange& chunks : written) erase(chunks);
  }
  if (more) {
    post_fill();
  } else if (complete) {
    start_check();
  }
}

}  // namespace penstock
