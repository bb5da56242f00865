// SPDX-License-Identifier: Apache-2.0
// The files of the cache on disk.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/disk.h"
#include "cache/chunk_set.h"
#include "cache/map_file.h"
#include "cache/map_format.h"
#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "fuzz/temp_file.h"

namespace penstock::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

/// Puts the sum of the bytes before it at `at`.
void put_sum(Bytes& bytes, size_t at) {
  const uint64_t sum = chunk_sum(std::span(bytes).first(at));
  encode_entries(std::array{sum}, std::span(bytes).subspan(at, sizeof sum));
}

void map_header(std::span<const std::byte> bytes) {
  const std::optional<ParsedMap> map = parse_header(bytes);
  if (!map) return;
  must(map->entries_at == header_length(bytes) && map->entries_at <= bytes.size(),
       "a header lies in its map");
  must(map->map_size() >= map->seal_at() && map->seal_at() >= map->entries_at,
       "the parts of a map follow each other");
  must(cache_name(map->header.id).size() == 40, "a version has a name");
  const Bytes written = encode_header(map->header);
  must(!written.empty(), "a header that was read is not too long");
  const std::optional<ParsedMap> again = parse_header(written);
  must(again && again->header.id == map->header.id &&
           again->header.metadata == map->header.metadata &&
           again->header.last_modified_ns == map->header.last_modified_ns,
       "a header that is written is read as the same");
}

void map_file(std::string_view text) {
  const DiskFile opened = open_file(Disk::system(), file_with(text), O_RDONLY);
  std::optional<ParsedMap> map;
  must(read_map(opened, map) == 0, "a map can be read");
  if (!map) return;
  ChunkSet present(map->layout().count());
  must(read_present(opened, *map, present) == 0, "so can its entries");
  SealBytes seal{};
  std::memcpy(seal.data(), text.data() + map->seal_at(), seal.size());
  if (const auto sealed = decode_seal(seal, map->sum))
    must(decode_seal(encode_seal(*sealed, map->sum), map->sum) == sealed, "a seal stays the same");
}

void usage_file(std::string_view text) {
  UsageBytes bytes{};
  std::memcpy(bytes.data(), text.data(), std::min(text.size(), bytes.size()));
  const std::optional<Usage> usage = decode_usage(bytes);
  if (usage) must(encode_usage(*usage) == bytes, "what is used is written as it was");
}

}  // namespace

/// A map, or the file `usage`; as it is, and with the sums that it should have.
void cache_map(std::string_view input) {
  Bytes bytes = bytes_of(input);
  map_header(bytes);
  map_file(input);
  usage_file(input);
  if (const uint64_t length = header_length(bytes); length > 0 && length <= bytes.size())
    put_sum(bytes, length - 8);
  map_header(bytes);
  map_file({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  bytes.resize(std::max<size_t>(bytes.size(), usage_size));
  put_sum(bytes, usage_size - 8);
  usage_file({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace penstock::fuzz
