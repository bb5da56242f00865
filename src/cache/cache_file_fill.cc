// SPDX-License-Identifier: Apache-2.0
// The part of CacheFile that writes behind.
#include <algorithm>

#include "cache/cache_file.h"

namespace penstock {
namespace {

// Bytes written in one go: large enough that what each go costs does not count, and small enough
// that other files' data need not wait long for a worker.
constexpr uint64_t largest_batch = 8ULL << 20;

}  // namespace

void CacheFile::offer(uint64_t offset, std::span<const std::byte> bytes,
                      const std::shared_ptr<const void>& owner, std::span<const uint64_t> sums) {
  const uint64_t size = layout_.object_size();
  if (offset >= size) return;
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
    enqueue(covered, offset, bytes, owner, sums);
    start = !runs_.empty() && !filling_;
    filling_ = filling_ || start;
  }
  if (start) post_fill();
}

void CacheFile::enqueue(ChunkRange chunks, uint64_t offset, std::span<const std::byte> bytes,
                        const std::shared_ptr<const void>& owner, std::span<const uint64_t> sums) {
  const uint64_t most = largest_batch / layout_.chunk_size();
  for (uint64_t first = chunks.first; first < chunks.end;) {
    uint64_t end = first;
    while (end < chunks.end && end - first < most && wants(end)) ++end;
    if (end == first) {
      ++first;
      continue;
    }
    const ByteRange range = layout_.bytes_of({first, end});
    if (core_->enter_queue(range.length)) {
      const auto known = sums.empty() ? sums : sums.subspan(first - chunks.first, end - first);
      queued_.add(ChunkRange{first, end});
      runs_.push_back({.chunks = {first, end},
                       .bytes = bytes.subspan(range.offset - offset, range.length),
                       .owner = owner,
                       .sums = {known.begin(), known.end()},
                       .pass = core_->work.pass()});
    } else {
      core_->counters.refused += range.length;
    }
    first = end;
  }
}

void CacheFile::post_fill() {
  core_->scheduler->post([self = shared_from_this()] { self->fill(); });
}

// What has come while the last batch was written goes together.
CacheFile::Batch CacheFile::take_batch() {
  Batch batch;
  const MutexLock lock(mutex_);
  while (!runs_.empty()) {
    const uint64_t length = runs_.front().bytes.size();
    if (!batch.runs.empty() && batch.bytes + length > largest_batch) break;
    batch.bytes += length;
    batch.runs.push_back(std::move(runs_.front()));
    runs_.pop_front();
  }
  return batch;
}

void CacheFile::fill() {
  const Batch batch = take_batch();
  const std::vector<ChunkRange> written = writer_.write(batch.runs);
  core_->leave_queue(batch.bytes);
  bool more = false;
  bool complete = false;
  {
    const MutexLock lock(mutex_);
    for (const ChunkRange& chunks : written) {
      present_.add(chunks);
      verified_.add(chunks);
    }
    for (const ChunkRun& run : batch.runs) queued_.remove(run.chunks);
    more = !runs_.empty();
    complete = present_.full();
    if (!more && complete) writer_.rest();
    filling_ = more;
  }
  if (more) {
    post_fill();
  } else if (complete) {
    start_check();
  }
}

}  // namespace penstock
