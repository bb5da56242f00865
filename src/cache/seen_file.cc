// SPDX-License-Identifier: Apache-2.0
#include "cache/seen_file.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <span>

namespace penstock {
namespace {

constexpr size_t place_size = 8;
constexpr size_t places = 8;  // of a group, one of which a name has
constexpr size_t group_size = place_size * places;
using Group = std::array<std::byte, group_size>;

// A place: the mark, then the time in hundredths of a second since the epoch. 0: nobody's.
constexpr uint32_t mark_bits = 24;
constexpr uint32_t time_bits = 64 - mark_bits;
constexpr uint64_t time_mask = (1ULL << time_bits) - 1;
constexpr uint64_t time_unit_ns = 10'000'000;

// One place for so much of the cache: more than it has objects, mostly.
constexpr uint64_t bytes_of_place = 64ULL << 10;
constexpr uint64_t least_size = 32ULL << 10;
constexpr uint64_t largest_size = 32ULL << 20;

/// Where a name stands, and what tells it from others there.
struct Spot {
  uint64_t group = 0;
  uint64_t mark = 0;
};

Spot spot_of(const std::string& name, uint64_t file_size) {
  // Names are hexadecimal digits of a hash; the first two tell the folder.
  constexpr size_t digits = 16;
  uint64_t hash = 0;
  std::from_chars(name.data() + 2, name.data() + 2 + digits, hash, 16);
  return {.group = (hash >> mark_bits) % (file_size / group_size),
          .mark = hash & ((1ULL << mark_bits) - 1)};
}

uint64_t load(const Group& group, size_t place) {
  uint64_t value = 0;
  for (size_t i = 0; i < place_size; ++i)
    value |= static_cast<uint64_t>(group[place * place_size + i]) << (8 * i);
  return value;
}

bool is_size(uint64_t size) {
  return size >= least_size && size <= largest_size && std::has_single_bit(size);
}

/// The open file and where a name stands in it.
struct Found {
  DiskFile file;
  Spot spot;
  Group group{};
  int result = 0;
};

Found find(const std::shared_ptr<Disk>& disk, const std::string& path, int flags,
           const std::string& name, uint64_t size_if_new) {
  Found found{.file = open_file(disk, path, flags | O_NOFOLLOW), .spot = {}};
  Disk::Status status;
  found.result = found.file ? found.file.stat(status) : found.file.get();
  if (found.result != 0) return found;
  if (!is_size(status.size)) {
    // New, or damaged.
    status.size = size_if_new;
    found.result = size_if_new == 0 ? -ENOENT : found.file.truncate(size_if_new);
    if (found.result != 0) return found;
  }
  found.spot = spot_of(name, status.size);
  const int64_t count = found.file.pread(found.group, found.spot.group * group_size);
  if (count != static_cast<int64_t>(group_size))
    found.result = count < 0 ? static_cast<int>(count) : -EIO;
  return found;
}

}  // namespace

std::optional<int64_t> SeenFile::last_read_ns(const std::string& name) const {
  const Found found = find(disk_, directory_.seen_path(), O_RDONLY, name, 0);
  if (found.result != 0) return std::nullopt;
  for (size_t i = 0; i < places; ++i) {
    const uint64_t value = load(found.group, i);
    if (value == 0 || value >> time_bits != found.spot.mark) continue;
    const uint64_t time = (value & time_mask) * time_unit_ns;
    if (time <= INT64_MAX) return static_cast<int64_t>(time);
  }
  return std::nullopt;
}

int SeenFile::note(const std::string& name, int64_t read_ns, uint64_t cache_bytes) const {
  const uint64_t wanted = std::bit_floor(cache_bytes / bytes_of_place * place_size + 1);
  const Found found = find(disk_, directory_.seen_path(), O_RDWR | O_CREAT, name,
                           std::clamp(wanted, least_size, largest_size));
  if (found.result != 0) return found.result;
  // Its own place; else the one that was noted longest ago, or never.
  size_t place = 0;
  uint64_t oldest = UINT64_MAX;
  for (size_t i = 0; i < places; ++i) {
    const uint64_t value = load(found.group, i);
    const bool own = value != 0 && value >> time_bits == found.spot.mark;
    if (own || (value & time_mask) < oldest) {
      oldest = value & time_mask;
      place = i;
    }
    if (own) break;
  }
  const uint64_t time = static_cast<uint64_t>(std::max<int64_t>(read_ns, 0)) / time_unit_ns;
  const uint64_t value = found.spot.mark << time_bits | (time & time_mask);
  std::array<std::byte, place_size> bytes{};
  for (size_t i = 0; i < place_size; ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  return found.file.pwrite(bytes, found.spot.group * group_size + place * place_size);
}

}  // namespace penstock
