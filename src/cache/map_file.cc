// SPDX-License-Identifier: Apache-2.0
#include "cache/map_file.h"

#include <algorithm>
#include <vector>

namespace penstock {
namespace {

// Most headers fit; of a small object the entries come with them.
constexpr size_t first_read = 4096;
constexpr size_t sums_at_a_time = 8192;

}  // namespace

int read_map(const DiskFile& file, std::optional<ParsedMap>& parsed) {
  parsed.reset();
  std::vector<std::byte> bytes(first_read);
  int64_t count = file.pread(bytes, 0);
  if (count < 0) return static_cast<int>(count);
  bytes.resize(static_cast<size_t>(count));
  const uint64_t length = header_length(bytes);
  if (length > bytes.size()) {
    bytes.resize(length);
    count = file.pread(bytes, 0);
    if (count < 0) return static_cast<int>(count);
    bytes.resize(static_cast<size_t>(count));
  }
  std::optional<ParsedMap> map = parse_header(bytes);
  if (!map) return 0;
  Disk::Status status;
  if (const int result = file.stat(status); result != 0) return result;
  if (status.size == map->map_size()) parsed = std::move(map);
  return 0;
}

int read_entries(const DiskFile& file, const ParsedMap& map, ChunkRange chunks,
                 std::span<uint64_t> sums) {
  const auto wanted = sums.first(std::min<uint64_t>(chunks.count(), sums.size()));
  std::vector<std::byte> bytes(wanted.size() * map_entry_size);
  const int64_t count = file.pread(bytes, map.entry_at(chunks.first));
  if (count < 0) return static_cast<int>(count);
  std::fill(bytes.begin() + count, bytes.end(), std::byte{0});
  decode_entries(bytes, wanted);
  return 0;
}

int read_present(const DiskFile& file, const ParsedMap& map, ChunkSet& present) {
  const uint64_t count = map.layout().count();
  std::vector<uint64_t> sums(std::min<uint64_t>(count, sums_at_a_time));
  for (uint64_t first = 0; first < count; first += sums.size()) {
    const ChunkRange chunks{first, std::min<uint64_t>(count, first + sums.size())};
    if (const int result = read_entries(file, map, chunks, sums); result != 0) return result;
    for (uint64_t i = 0; i < chunks.count(); ++i)
      if (sums[i] != 0) present.add(first + i);
  }
  return 0;
}

}  // namespace penstock
