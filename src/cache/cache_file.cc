// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_file.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "cache/map_file.h"

namespace penstock {
namespace {

// Entries that are looked up at a time where memory says absent: 4 KiB of the map.
constexpr size_t entries_at_a_time = 512;

}  // namespace

CacheFile::CacheFile(std::shared_ptr<CacheCore> core, Parts parts)
    : core_(std::move(core)),
      name_(std::move(parts.name)),
      map_(std::move(parts.map)),
      layout_(map_.layout()),
      data_file_(std::move(parts.data_file)),
      map_file_(std::move(parts.map_file)),
      writer_(*core_, map_, data_file_, map_file_, parts.idle_ns),
      present_(std::move(parts.present)),
      verified_(layout_.count()),
      waiting_(*core_, layout_) {}

CacheFile::~CacheFile() { core_->forget_open(name_); }

bool CacheFile::complete() const {
  const MutexLock lock(mutex_);
  return present_.full();
}

CacheShare CacheFile::share() const {
  const MutexLock lock(mutex_);
  return {.present = bytes_in(present_, layout_), .coming = waiting_.bytes()};
}

// Another process may have filled what memory says is absent. True where the first chunk is there.
bool CacheFile::look_again(ChunkRange chunks) {
  std::array<uint64_t, entries_at_a_time> sums{};
  bool first_is_there = false;
  for (uint64_t at = chunks.first; at < chunks.end; at += sums.size()) {
    const ChunkRange batch{at, std::min(chunks.end, at + sums.size())};
    if (const int result = read_entries(map_file_, map_, batch, sums); result != 0) {
      core_->failed("reading a map", result);
      return false;
    }
    if (at == chunks.first) first_is_there = sums[0] != 0;
    const MutexLock lock(mutex_);
    for (uint64_t i = 0; i < batch.count(); ++i)
      if (sums[i] != 0) present_.add(at + i);
  }
  return first_is_there;
}

uint64_t CacheFile::missing_from(uint64_t from, uint64_t to) {
  const uint64_t end = std::min(to, layout_.object_size());
  if (from >= end) return to;
  if (!core_->ready() || refused_) return from;
  ChunkRange chunks = layout_.touched(from, end);
  while (true) {
    {
      const MutexLock lock(mutex_);
      chunks.first = present_.first_missing(chunks);
    }
    if (chunks.empty()) return to;
    const uint64_t end_of_look = std::min(chunks.end, chunks.first + entries_at_a_time);
    if (look_again({chunks.first, end_of_look})) continue;
    ++core_->counters.misses;
    return std::max(from, layout_.offset_of(chunks.first));
  }
}

std::optional<std::vector<ByteRange>> CacheFile::lacking(ByteRange range) {
  if (!core_->takes_writes() || refused_) return std::nullopt;
  std::vector<ByteRange> found;
  const ChunkRange chunks = layout_.touched(range);
  look_again(chunks);
  const MutexLock lock(mutex_);
  for (uint64_t first = chunks.first; first < chunks.end;) {
    uint64_t end = first;
    while (end < chunks.end && !present_.has(end) && !waiting_.has(end)) ++end;
    if (end != first) found.push_back(layout_.bytes_of({first, end}));
    first = end + 1;
  }
  return found;
}

bool CacheFile::writes(ByteRange range) const {
  const ChunkRange chunks = layout_.touched(range);
  const MutexLock lock(mutex_);
  return waiting_.has_any(chunks);
}

Error CacheFile::disk_error() const {
  return {Code::unavailable, Error::Detail{.message = "the cache's disk fails", .key = id().key}};
}

void CacheFile::forget() {
  refuse();
  erase({0, layout_.count()});
}

// Makes chunks absent, for the other processes too.
void CacheFile::erase(ChunkRange chunks) {
  {
    const MutexLock lock(mutex_);
    present_.remove(chunks);
    verified_.remove(chunks);
  }
  core_->sealer.forget(name_);
  const std::vector<std::byte> absent(chunks.count() * map_entry_size);
  // The seal goes too: it says that all is well.
  int result = map_file_.pwrite(absent, map_.entry_at(chunks.first));
  if (result == 0) result = map_file_.pwrite(SealBytes{}, map_.seal_at());
  if (result != 0) core_->failed("writing a map", result);
}

void CacheFile::drop(ChunkRange chunks) {
  erase(chunks);
  core_->counters.corrupt += chunks.count();
  if (!said_damaged_.exchange(true)) {
    core_->log->warning(
        "the cache had damaged data of '{}', which are fetched again ({}): if this repeats, check "
        "the disk",
        id().key, core_->directory.data_path(name_));
  }
}

Result<void> CacheFile::read(uint64_t offset, std::span<std::byte> out) {
  const uint64_t size = layout_.object_size();
  if (offset > size || out.size() > size - offset)
    return Error(Code::invalid_argument, "a read past the object's end");
  if (out.empty()) return {};
  if (!core_->ready()) return Error(Code::unavailable, "the cache's disk is not used now");
  const ChunkRange chunks = layout_.touched(offset, offset + out.size());
  std::vector<uint64_t> sums(chunks.count());
  if (const int result = read_entries(map_file_, map_, chunks, sums); result != 0) {
    core_->failed("reading a map", result);
    return disk_error();
  }
  // Whole chunks are read where they are wanted; of the first and the last, parts may be.
  const uint64_t wanted = out.size();
  uint64_t chunk = chunks.first;
  while (!out.empty()) {
    const ByteRange bytes = layout_.bytes_of({chunk, chunk + 1});
    const uint64_t sum = sums[chunk - chunks.first];
    uint64_t done = std::min(bytes.end() - offset, out.size());
    Result<void> result;
    if (done < bytes.length) {
      result = read_part(chunk, sum, offset - bytes.offset, out.first(done));
      ++chunk;
    } else {
      ChunkRange whole = layout_.covered(offset, offset + out.size());
      done = layout_.bytes_of(whole).length;
      result = read_chunks(whole, std::span(sums).subspan(chunk - chunks.first), out.first(done));
      chunk = whole.end;
    }
    if (!result) return result;
    offset += done;
    out = out.subspan(done);
  }
  ++core_->counters.hits;
  core_->counters.read += wanted;
  return {};
}

// Reads chunks; the number of bytes that were there, or a negated errno that has been dealt with.
int64_t CacheFile::load(ChunkRange chunks, std::span<std::byte> out) {
  const int64_t count = data_file_.pread(out, layout_.bytes_of(chunks).offset);
  if (count >= 0) return count;
  // What the disk cannot read is written anew when it is fetched again.
  if (count == -EIO) drop(chunks);
  core_->failed("reading a file", static_cast<int>(count));
  return count;
}

// A chunk's bytes among those of `loaded`; fewer where the file ended early.
std::span<const std::byte> CacheFile::piece_of(uint64_t chunk, ChunkRange loaded,
                                               std::span<const std::byte> bytes) const {
  const ByteRange range = layout_.bytes_of({chunk, chunk + 1});
  const uint64_t at =
      std::min<uint64_t>(range.offset - layout_.offset_of(loaded.first), bytes.size());
  return bytes.subspan(at, std::min<uint64_t>(range.length, bytes.size() - at));
}

CacheFile::Finding CacheFile::examine(uint64_t chunk, uint64_t sum,
                                      std::span<const std::byte> bytes) {
  const bool whole = bytes.size() == layout_.bytes_of({chunk, chunk + 1}).length;
  const bool good = sum != 0 && whole && chunk_sum(bytes) == sum;
  if (sum != 0 && !good) {
    drop({chunk, chunk + 1});
    return Finding::damaged;
  }
  const MutexLock lock(mutex_);
  if (good) {
    verified_.add(chunk);
    return Finding::good;
  }
  present_.remove(chunk);
  return Finding::gone;
}

Result<void> CacheFile::read_chunks(ChunkRange chunks, std::span<const uint64_t> sums,
                                    std::span<std::byte> out) {
  const int64_t count = load(chunks, out);
  if (count < 0) return disk_error();
  for (uint64_t chunk = chunks.first; chunk < chunks.end; ++chunk) {
    const auto piece = piece_of(chunk, chunks, out.first(static_cast<size_t>(count)));
    switch (examine(chunk, sums[chunk - chunks.first], piece)) {
      case Finding::good:
        break;
      case Finding::damaged:
        return Error(Code::corrupt, "a chunk in the cache is damaged");
      case Finding::gone:
        return Error(Code::unavailable, "a chunk is no longer in the cache");
    }
  }
  return {};
}

Result<void> CacheFile::read_part(uint64_t chunk, uint64_t sum, uint64_t offset,
                                  std::span<std::byte> out) {
  std::vector<std::byte> whole(layout_.bytes_of({chunk, chunk + 1}).length);
  Result<void> result = read_chunks({chunk, chunk + 1}, std::span(&sum, 1), whole);
  if (result) std::copy_n(whole.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  return result;
}

}  // namespace penstock
