// SPDX-License-Identifier: Apache-2.0
#include "cache/chunk_writer.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "cache/map_file.h"

namespace penstock {
namespace {

// A program that reads an object of this size for the first time has its bytes from the mount, by
// way of the page cache: a second copy there, of the file on the disk, would only push out other
// bytes, and costs a fifth of a processor second per GiB.
constexpr uint64_t uncached_from = 64ULL << 20;

// Past the page cache every write waits for the disk: what is smaller is not worth that.
constexpr uint64_t least_direct = 256ULL << 10;
// What disks want addresses, lengths and offsets to be multiples of.
constexpr uint64_t direct_unit = 4096;

bool fits_direct(const Disk::Piece& piece) {
  return reinterpret_cast<uintptr_t>(piece.data()) % direct_unit == 0 &&
         piece.size() % direct_unit == 0;
}

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

std::vector<ChunkRange> ChunkWriter::write(std::span<const ChunkRun> runs) {
  std::vector<const ChunkRun*> admitted;
  uint64_t length = 0;
  for (const ChunkRun& run : runs) {
    if (!admit(run)) continue;
    admitted.push_back(&run);
    length += run.bytes.size();
  }
  std::vector<ChunkRange> written;
  if (admitted.empty()) return written;
  std::sort(admitted.begin(), admitted.end(), [](const ChunkRun* one, const ChunkRun* other) {
    return one->chunks.first < other->chunks.first;
  });
  std::vector<Stretch> stretches;
  for (Runs rest = admitted; !rest.empty(); rest = rest.subspan(stretches.back().runs.size()))
    stretches.push_back(next_stretch(rest));

  int result = 0;
  {
    const MapLock map_lock(map_file_, !locked_out_);
    result = map_lock.result();
    // A process that was stopped holds it: the next runs do not wait again.
    locked_out_ = result == -EWOULDBLOCK;
    if (result == 0) {
      const std::optional<uint64_t> before = occupied();
      for (size_t i = 0; i < stretches.size() && result == 0; ++i)
        result = write_absent(stretches[i], written);
      const std::optional<uint64_t> after = occupied();
      if (before && after) core_.changed(static_cast<int64_t>(*after - *before), 0);
    }
  }
  core_.space.settle(length);
  if (locked_out_) core_.counters.refused += length;
  if (result != 0) core_.failed("writing a file", result);
  return written;
}

bool ChunkWriter::admit(const ChunkRun& run) {
  if (core_.takes_writes() && core_.space.admit(run.bytes.size(), idle_ns_)) return true;
  core_.counters.refused += run.bytes.size();
  return false;
}

// The runs at the front of `runs` whose chunks follow one upon the other in the file, with their
// checksums.
ChunkWriter::Stretch ChunkWriter::next_stretch(Runs runs) const {
  Stretch stretch{.chunks = runs.front()->chunks, .runs = {}, .sums = {}};
  size_t count = 1;
  for (; count < runs.size() && runs[count]->chunks.first == stretch.chunks.end; ++count)
    stretch.chunks.end = runs[count]->chunks.end;
  stretch.runs = runs.first(count);
  stretch.sums.reserve(stretch.chunks.count());
  for (const ChunkRun* run : stretch.runs) {
    stretch.sums.insert(stretch.sums.end(), run->sums.begin(), run->sums.end());
    if (!run->sums.empty()) continue;
    for (std::span<const std::byte> rest = run->bytes; !rest.empty();) {
      const auto chunk = rest.first(std::min<uint64_t>(rest.size(), layout_.chunk_size()));
      stretch.sums.push_back(chunk_sum(chunk));
      rest = rest.subspan(chunk.size());
    }
  }
  return stretch;
}

// What disks take directly comes in pieces of its own.
Disk::Pieces ChunkWriter::bytes_of(const Stretch& stretch, ChunkRange chunks) const {
  Disk::Pieces pieces;
  for (const ChunkRun* run : stretch.runs) {
    const ChunkRange part{std::max(run->chunks.first, chunks.first),
                          std::min(run->chunks.end, chunks.end)};
    if (part.empty()) continue;
    const ByteRange range = layout_.bytes_of(part);
    const Disk::Piece piece =
        run->bytes.subspan(range.offset - layout_.offset_of(run->chunks.first), range.length);
    // Only the object's last chunk has an end that is not a multiple.
    const uint64_t whole = piece.size() / direct_unit * direct_unit;
    if (whole > 0) pieces.push_back(piece.first(whole));
    if (whole < piece.size()) pieces.push_back(piece.subspan(whole));
  }
  return pieces;
}

// Chunks first, then the entries that say so: a crash in between leaves chunks that nobody
// believes.
int ChunkWriter::write_absent(const Stretch& stretch, std::vector<ChunkRange>& written) {
  std::vector<uint64_t> there(stretch.sums.size());
  if (const int result = read_entries(map_file_, map_, stretch.chunks, there); result != 0)
    return result;
  for (uint64_t i = 0; i < there.size();) {
    uint64_t end = i;
    while (end < there.size() && there[end] == 0) ++end;
    if (end == i) {
      ++i;
      continue;
    }
    const ChunkRange chunks{stretch.chunks.first + i, stretch.chunks.first + end};
    const ByteRange range = layout_.bytes_of(chunks);
    int result = write_bytes(bytes_of(stretch, chunks), range.offset);
    if (result != 0) return result;
    std::vector<std::byte> entries(chunks.count() * map_entry_size);
    encode_entries(std::span(stretch.sums).subspan(i, chunks.count()), entries);
    result = map_file_.pwrite(entries, map_.entry_at(chunks.first));
    if (result != 0) return result;
    core_.counters.stored += range.length;
    written.push_back(chunks);
    i = end;
  }
  return 0;
}

int ChunkWriter::write_bytes(const Disk::Pieces& pieces, uint64_t offset) {
  const bool uncached = layout_.object_size() >= uncached_from;
  for (size_t i = 0; i < pieces.size();) {
    size_t end = i + 1;
    uint64_t length = pieces[i].size();
    const bool direct = fits_direct(pieces[i]);
    while (uncached && end < pieces.size() && fits_direct(pieces[end]) == direct)
      length += pieces[end++].size();
    const auto alike = std::span(pieces).subspan(i, end - i);
    const int result = uncached ? write_uncached(alike, direct && length >= least_direct, offset)
                                : data_.pwrite(pieces[i], offset);
    if (result != 0) return result;
    offset += length;
    i = end;
  }
  return 0;
}

int ChunkWriter::write_uncached(std::span<const Disk::Piece> pieces, bool direct, uint64_t offset) {
  if (direct && may_go_direct()) {
    const int result = direct_.pwrite_uncached(pieces, offset);
    if (!Disk::cannot(result)) return result;
    takes_direct_ = false;
    rest();
  }
  return data_.pwrite_uncached(pieces, offset);
}

bool ChunkWriter::may_go_direct() {
  if (!takes_direct_) return false;
  if (!direct_) {
    // By its descriptor: at its path there may be another file by now.
    const std::string self = fmt::format("/proc/self/fd/{}", data_.get());
    direct_ = open_file(core_.disk, self, O_WRONLY | O_DIRECT);
    takes_direct_ = bool{direct_};
  }
  return takes_direct_;
}

// Bytes of the disk that both files take.
std::optional<uint64_t> ChunkWriter::occupied() const {
  Disk::Status data;
  Disk::Status map;
  if (data_.stat(data) != 0 || map_file_.stat(map) != 0) return std::nullopt;
  return data.allocated + map.allocated;
}

}  // namespace penstock
