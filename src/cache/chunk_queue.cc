// SPDX-License-Identifier: Apache-2.0
#include "cache/chunk_queue.h"

#include <utility>

namespace penstock {
namespace {

// Bytes written in one go: large enough that what each go costs does not count, and small enough
// that other files' data need not wait long for a worker.
constexpr uint64_t largest_batch = 8ULL << 20;

}  // namespace

bool ChunkQueue::has_any(ChunkRange chunks) const {
  for (uint64_t chunk = chunks.first; chunk < chunks.end; ++chunk)
    if (has(chunk)) return true;
  return false;
}

bool ChunkQueue::offer(ChunkRange chunks, const ChunkSet& present, uint64_t offset,
                       std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                       std::span<const uint64_t> sums) {
  const auto wanted = [&](uint64_t chunk) { return !present.has(chunk) && !has(chunk); };
  const uint64_t most = largest_batch / layout_.chunk_size();
  for (uint64_t first = chunks.first; first < chunks.end;) {
    uint64_t end = first;
    while (end < chunks.end && end - first < most && wanted(end)) ++end;
    if (end == first) {
      ++first;
      continue;
    }
    const ByteRange range = layout_.bytes_of({first, end});
    if (core_.enter_queue(range.length)) {
      const auto known = sums.empty() ? sums : sums.subspan(first - chunks.first, end - first);
      chunks_.add(ChunkRange{first, end});
      runs_.push_back({.chunks = {first, end},
                       .bytes = bytes.subspan(range.offset - offset, range.length),
                       .owner = owner,
                       .sums = {known.begin(), known.end()},
                       .pass = core_.work.pass()});
    } else {
      core_.counters.refused += range.length;
    }
    first = end;
  }
  return !runs_.empty() && !std::exchange(writing_, true);
}

ChunkQueue::Batch ChunkQueue::take() {
  Batch batch;
  while (!runs_.empty()) {
    const uint64_t length = runs_.front().bytes.size();
    if (!batch.runs.empty() && batch.bytes + length > largest_batch) break;
    batch.bytes += length;
    batch.runs.push_back(std::move(runs_.front()));
    runs_.pop_front();
  }
  return batch;
}

bool ChunkQueue::done(const Batch& batch) {
  for (const ChunkRun& run : batch.runs) chunks_.remove(run.chunks);
  core_.leave_queue(batch.bytes);
  writing_ = !runs_.empty();
  return writing_;
}

}  // namespace penstock
