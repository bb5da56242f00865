// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/chunk_layout.h"
#include "penstock/object_store.h"

namespace penstock {

/// Which version of which object a pair of files is about.
struct VersionId {
  std::string store;  ///< ObjectStore::identity of where it lives.
  std::string key;
  ETag etag;
  uint64_t size = 0;

  bool operator==(const VersionId&) const = default;
};

/// The name of a version's files: 40 hexadecimal digits, of a SHA-256 over its fields.
std::string cache_name(const VersionId& id);

/// The checksum of a chunk's bytes as a map has it; never 0, which means "absent".
uint64_t chunk_sum(std::span<const std::byte> bytes) noexcept;

/// What a map's header says. docs/cache.md has the format.
struct MapHeader {
  VersionId id;
  int64_t last_modified_ns = 0;
  std::optional<Metadata> metadata;
};

/// A header as it was read, and where in the map the rest is.
struct ParsedMap {
  MapHeader header;
  uint64_t entries_at = 0;  ///< Offset of the first chunk's entry; the header's length.
  uint64_t sum = 0;         ///< The header's checksum: binds the seal to this map.

  ChunkLayout layout() const noexcept { return ChunkLayout(header.id.size); }
  uint64_t entry_at(uint64_t chunk) const noexcept;
  uint64_t seal_at() const noexcept { return entry_at(layout().count()); }
  uint64_t map_size() const noexcept;
};

constexpr uint64_t map_entry_size = 8;
constexpr uint64_t map_max_header = 1ULL << 20;
/// What must be read of a map to know the length of its header.
constexpr uint64_t map_fixed_part = 40;

/// The header's bytes; empty where they would pass map_max_header.
std::vector<std::byte> encode_header(const MapHeader& header);
/// The whole header's length that its first map_fixed_part bytes tell; 0 where that is no header.
uint64_t header_length(std::span<const std::byte> start) noexcept;
/// `bytes` begin with the header and may go on. Nothing where anything about it is wrong.
std::optional<ParsedMap> parse_header(std::span<const std::byte> bytes);

/// Entries between the bytes of a map and sums in memory.
void encode_entries(std::span<const uint64_t> sums, std::span<std::byte> bytes) noexcept;
void decode_entries(std::span<const std::byte> bytes, std::span<uint64_t> sums) noexcept;

/// Says that all chunks were checked and flushed when the data file looked like this.
struct Seal {
  uint64_t inode = 0;
  int64_t modified_ns = 0;

  bool operator==(const Seal&) const = default;
};
constexpr uint64_t map_seal_size = 24;
using SealBytes = std::array<std::byte, map_seal_size>;

SealBytes encode_seal(const Seal& seal, uint64_t header_sum) noexcept;
std::optional<Seal> decode_seal(const SealBytes& bytes, uint64_t header_sum) noexcept;

/// The file `usage`: what all pairs together occupy.
struct Usage {
  uint64_t bytes = 0;
  uint64_t files = 0;
};
constexpr uint64_t usage_size = 32;
using UsageBytes = std::array<std::byte, usage_size>;

UsageBytes encode_usage(const Usage& usage) noexcept;
std::optional<Usage> decode_usage(const UsageBytes& bytes) noexcept;

}  // namespace penstock
