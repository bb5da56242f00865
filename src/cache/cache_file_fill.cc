// SPDX-License-Identifier: Apache-2.0
// The part of CacheFile that writes behind.
#include <sys/file.h>

#include <algorithm>

#include "cache/cache_file.h"
#include "cache/map_file.h"

namespace penstock {
namespace {

// Bytes written in one go: other files' data need not wait longer for a worker.
constexpr uint64_t largest_run = 2ULL << 20;

// A program that reads an object of this size for the first time has its bytes from the mount, by
// way of the page cache: a second copy there, of the file on the disk, would only push out other
// bytes.
constexpr uint64_t uncached_from = 64ULL << 20;

/// Holds a map's lock, which makes processes write a pair one after the other: so they do not write
/// what another has just written, and count what their own writes take of the disk. Without it
/// nothing is written.
class MapLock {
 public:
  MapLock(const DiskFile& map, bool patient)
      : map_(map), result_(patient ? map.try_lock_soon(LOCK_EX) : map.try_lock(LOCK_EX)) {}
  ~MapLock() {
    if (result_ == 0) map_.unlock();
  }
  MapLock(const MapLock&) = delete;
  MapLock& operator=(const MapLock&) = delete;

  int result() const noexcept { return result_; }

 private:
  const DiskFile& map_;
  const int result_;
};

}  // namespace

void CacheFile::offer(uint64_t offset, std::span<const std::byte> bytes,
                      const std::shared_ptr<const void>& owner) {
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
    enqueue(covered, offset, bytes, owner);
    start = !runs_.empty() && !filling_;
    filling_ = filling_ || start;
  }
  if (start) post_fill();
}

void CacheFile::enqueue(ChunkRange chunks, uint64_t offset, std::span<const std::byte> bytes,
                        const std::shared_ptr<const void>& owner) {
  const uint64_t most = std::max<uint64_t>(largest_run / layout_.chunk_size(), 1);
  for (uint64_t first = chunks.first; first < chunks.end;) {
    uint64_t end = first;
    while (end < chunks.end && end - first < most && wants(end)) ++end;
    if (end == first) {
      ++first;
      continue;
    }
    const ByteRange range = layout_.bytes_of({first, end});
    if (core_->enter_queue(range.length)) {
      queued_.add(ChunkRange{first, end});
      runs_.push_back({.chunks = {first, end},
                       .bytes = bytes.subspan(range.offset - offset, range.length),
                       .owner = owner,
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

void CacheFile::fill() {
  std::deque<Run> taken;
  {
    const MutexLock lock(mutex_);
    taken.push_back(std::move(runs_.front()));
    runs_.pop_front();
  }
  const Run& run = taken.front();
  store(run);
  core_->leave_queue(run.bytes.size());
  bool more = false;
  bool complete = false;
  {
    const MutexLock lock(mutex_);
    queued_.remove(run.chunks);
    more = !runs_.empty();
    filling_ = more;
    complete = present_.full();
  }
  if (more) {
    post_fill();
  } else if (complete) {
    start_check();
  }
}

void CacheFile::store(const Run& run) {
  const uint64_t length = run.bytes.size();
  if (!core_->takes_writes() || !core_->space.admit(length)) {
    core_->counters.refused += length;
    return;
  }
  std::vector<uint64_t> sums;
  for (uint64_t chunk = run.chunks.first; chunk < run.chunks.end; ++chunk) {
    const ByteRange bytes = layout_.bytes_of({chunk, chunk + 1});
    const uint64_t at = bytes.offset - layout_.offset_of(run.chunks.first);
    sums.push_back(chunk_sum(run.bytes.subspan(at, bytes.length)));
  }
  ChunkSet stored(run.chunks.count());
  int result = 0;
  {
    const MapLock map_lock(map_file_, !locked_out_);
    result = map_lock.result();
    // A process that was stopped holds it: the next run does not wait again.
    locked_out_ = result == -EWOULDBLOCK;
    if (result == 0) {
      const std::optional<uint64_t> before = occupied();
      result = write_absent(run, sums, stored);
      const std::optional<uint64_t> after = occupied();
      if (before && after) core_->changed(static_cast<int64_t>(*after - *before), 0);
    }
  }
  core_->space.settle(length);
  if (locked_out_) core_->counters.refused += length;
  if (result != 0) core_->failed("writing a file", result);
  const MutexLock lock(mutex_);
  for (uint64_t i = 0; i < run.chunks.count(); ++i) {
    if (!stored.has(i)) continue;
    present_.add(run.chunks.first + i);
    verified_.add(run.chunks.first + i);
  }
}

// Chunks first, then the entries that say so: a crash in between leaves chunks that nobody
// believes. Chunks that another process has written are left to be found by look_again.
int CacheFile::write_absent(const Run& run, std::span<const uint64_t> sums, ChunkSet& stored) {
  std::vector<uint64_t> there(sums.size());
  if (const int result = read_entries(map_file_, map_, run.chunks, there); result != 0)
    return result;
  for (uint64_t i = 0; i < there.size();) {
    uint64_t end = i;
    while (end < there.size() && there[end] == 0) ++end;
    if (end == i) {
      ++i;
      continue;
    }
    const ByteRange bytes = layout_.bytes_of({run.chunks.first + i, run.chunks.first + end});
    const uint64_t at = bytes.offset - layout_.offset_of(run.chunks.first);
    const auto piece = run.bytes.subspan(at, bytes.length);
    int result = layout_.object_size() < uncached_from
                     ? data_file_.pwrite(piece, bytes.offset)
                     : data_file_.pwrite_uncached(piece, bytes.offset);
    if (result != 0) return result;
    std::vector<std::byte> entries((end - i) * map_entry_size);
    encode_entries(sums.subspan(i, end - i), entries);
    result = map_file_.pwrite(entries, map_.entry_at(run.chunks.first + i));
    if (result != 0) return result;
    core_->counters.stored += bytes.length;
    stored.add(ChunkRange{i, end});
    i = end;
  }
  return 0;
}

// Bytes of the disk that both files take.
std::optional<uint64_t> CacheFile::occupied() const {
  Disk::Status data;
  Disk::Status map;
  if (data_file_.stat(data) != 0 || map_file_.stat(map) != 0) return std::nullopt;
  return data.allocated + map.allocated;
}

}  // namespace penstock
