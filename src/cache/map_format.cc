// SPDX-License-Identifier: Apache-2.0
#include "cache/map_format.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#ifdef PENSTOCK_XXHASH_DISPATCHES
#include <xxh_x86dispatch.h>  // XXH3_64bits_withSeed by another name
#else
#include <xxhash.h>
#endif

#include <algorithm>
#include <cstring>
#include <string_view>

namespace penstock {
namespace {

constexpr std::string_view map_magic = "PNSTKMAP";
constexpr std::string_view usage_magic = "PNSTKUSE";
constexpr uint32_t format_version = 1;
constexpr uint32_t metadata_unknown = 0xffffffff;
constexpr uint64_t sum_size = 8;

// Numbers are little-endian whatever the machine is.
template <typename T>
void store_number(std::byte* to, T value) noexcept {
  const auto bits = static_cast<uint64_t>(value);
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(bits >> (8 * i));
}

template <typename T>
T load_number(const std::byte* from) noexcept {
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(T); ++i) bits |= static_cast<uint64_t>(from[i]) << (8 * i);
  return static_cast<T>(bits);
}

uint64_t hash(std::span<const std::byte> bytes, uint64_t seed = 0) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

class Writer {
 public:
  template <typename T>
  void number(T value) {
    std::byte bytes[sizeof(T)];
    store_number(bytes, value);
    out_.insert(out_.end(), bytes, bytes + sizeof(T));
  }
  void raw(std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    out_.insert(out_.end(), bytes, bytes + text.size());
  }
  void string(std::string_view text) {
    number(static_cast<uint32_t>(text.size()));
    raw(text);
  }
  void pad_to(size_t multiple) { out_.resize((out_.size() + multiple - 1) / multiple * multiple); }

  std::vector<std::byte>& bytes() { return out_; }

 private:
  std::vector<std::byte> out_;
};

/// Reads what Writer wrote. Past the end it reads zeros and remembers that.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename T>
  T number() {
    if (!has(sizeof(T))) return {};
    const T value = load_number<T>(left_.data());
    left_ = left_.subspan(sizeof(T));
    return value;
  }
  std::string string() {
    const auto length = number<uint32_t>();
    if (!has(length)) return {};
    std::string text(reinterpret_cast<const char*>(left_.data()), length);
    left_ = left_.subspan(length);
    return text;
  }
  bool good() const noexcept { return good_; }
  std::span<const std::byte> left() const noexcept { return left_; }

 private:
  bool has(size_t bytes) {
    good_ = good_ && bytes <= left_.size();
    return good_;
  }

  std::span<const std::byte> left_;
  bool good_ = true;
};

void write_metadata(Writer& writer, const std::optional<Metadata>& metadata) {
  if (!metadata) {
    writer.number(metadata_unknown);
    return;
  }
  writer.number(static_cast<uint32_t>(metadata->size()));
  for (const auto& [name, value] : *metadata) {
    writer.string(name);
    writer.string(value);
  }
}

std::optional<Metadata> read_metadata(Reader& reader) {
  const auto count = reader.number<uint32_t>();
  if (count == metadata_unknown) return std::nullopt;
  Metadata metadata;
  for (uint32_t i = 0; i < count && reader.good(); ++i) {
    std::string name = reader.string();
    metadata[std::move(name)] = reader.string();
  }
  return metadata;
}

}  // namespace

std::string cache_name(const VersionId& id) {
  Writer writer;
  writer.string(id.store);
  writer.string(id.key);
  writer.string(id.etag);
  writer.number(uint32_t{sizeof(id.size)});
  writer.number(id.size);
  unsigned char digest[EVP_MAX_MD_SIZE] = {};
  unsigned int length = 0;
  EVP_Digest(writer.bytes().data(), writer.bytes().size(), digest, &length, EVP_sha256(), nullptr);
  constexpr size_t bytes_of_name = 20;
  std::string name;
  for (size_t i = 0; i < bytes_of_name; ++i) name += fmt::format("{:02x}", digest[i]);
  return name;
}

uint64_t chunk_sum(std::span<const std::byte> bytes) noexcept {
  return std::max<uint64_t>(hash(bytes), 1);
}

uint64_t ParsedMap::entry_at(uint64_t chunk) const noexcept {
  return entries_at + chunk * map_entry_size;
}

uint64_t ParsedMap::map_size() const noexcept { return seal_at() + map_seal_size; }

std::vector<std::byte> encode_header(const MapHeader& header) {
  Writer writer;
  writer.raw(map_magic);
  writer.number(format_version);
  const size_t length_at = writer.bytes().size();
  writer.number(uint32_t{0});
  writer.number(ChunkLayout(header.id.size).chunk_size());
  writer.number(header.id.size);
  writer.number(header.last_modified_ns);
  writer.string(header.id.store);
  writer.string(header.id.key);
  writer.string(header.id.etag);
  write_metadata(writer, header.metadata);
  writer.pad_to(map_entry_size);
  std::vector<std::byte>& bytes = writer.bytes();
  const size_t length = bytes.size() + sum_size;
  if (length > map_max_header) return {};
  store_number(bytes.data() + length_at, static_cast<uint32_t>(length));
  writer.number(hash(bytes));
  return std::move(bytes);
}

uint64_t header_length(std::span<const std::byte> start) noexcept {
  if (start.size() < map_fixed_part) return 0;
  if (memcmp(start.data(), map_magic.data(), map_magic.size()) != 0) return 0;
  const std::byte* const after_magic = start.data() + map_magic.size();
  const auto version = load_number<uint32_t>(after_magic);
  const uint64_t length = load_number<uint32_t>(after_magic + sizeof(version));
  const bool right = version == format_version && length > map_fixed_part &&
                     length <= map_max_header && length % map_entry_size == 0;
  return right ? length : 0;
}

std::optional<ParsedMap> parse_header(std::span<const std::byte> bytes) {
  const uint64_t length = header_length(bytes);
  if (length == 0 || length > bytes.size()) return std::nullopt;
  const auto covered = bytes.first(length - sum_size);
  ParsedMap map{.entries_at = length, .sum = load_number<uint64_t>(&bytes[length - sum_size])};
  if (hash(covered) != map.sum) return std::nullopt;
  Reader reader(covered.subspan(map_magic.size() + 2 * sizeof(uint32_t)));
  MapHeader& header = map.header;
  const auto chunk_size = reader.number<uint64_t>();
  header.id.size = reader.number<uint64_t>();
  header.last_modified_ns = reader.number<int64_t>();
  header.id.store = reader.string();
  header.id.key = reader.string();
  header.id.etag = reader.string();
  header.metadata = read_metadata(reader);
  const bool right = reader.good() && reader.left().size() < map_entry_size &&
                     chunk_size == map.layout().chunk_size();
  if (!right) return std::nullopt;
  return map;
}

void encode_entries(std::span<const uint64_t> sums, std::span<std::byte> bytes) noexcept {
  for (size_t i = 0; i < sums.size(); ++i) store_number(&bytes[i * map_entry_size], sums[i]);
}

void decode_entries(std::span<const std::byte> bytes, std::span<uint64_t> sums) noexcept {
  for (size_t i = 0; i < sums.size(); ++i)
    sums[i] = load_number<uint64_t>(&bytes[i * map_entry_size]);
}

SealBytes encode_seal(const Seal& seal, uint64_t header_sum) noexcept {
  SealBytes bytes;
  store_number(bytes.data(), seal.inode);
  store_number(bytes.data() + 8, seal.modified_ns);
  store_number(bytes.data() + 16, hash(std::span(bytes).first(16), header_sum));
  return bytes;
}

std::optional<Seal> decode_seal(const SealBytes& bytes, uint64_t header_sum) noexcept {
  const uint64_t sum = hash(std::span(bytes).first(16), header_sum);
  if (load_number<uint64_t>(bytes.data() + 16) != sum) return std::nullopt;
  return Seal{.inode = load_number<uint64_t>(bytes.data()),
              .modified_ns = load_number<int64_t>(bytes.data() + 8)};
}

UsageBytes encode_usage(const Usage& usage) noexcept {
  UsageBytes bytes;
  memcpy(bytes.data(), usage_magic.data(), usage_magic.size());
  store_number(bytes.data() + 8, usage.bytes);
  store_number(bytes.data() + 16, usage.files);
  store_number(bytes.data() + 24, hash(std::span(bytes).first(24)));
  return bytes;
}

std::optional<Usage> decode_usage(const UsageBytes& bytes) noexcept {
  if (memcmp(bytes.data(), usage_magic.data(), usage_magic.size()) != 0) return std::nullopt;
  if (load_number<uint64_t>(bytes.data() + 24) != hash(std::span(bytes).first(24)))
    return std::nullopt;
  return Usage{.bytes = load_number<uint64_t>(bytes.data() + 8),
               .files = load_number<uint64_t>(bytes.data() + 16)};
}

}  // namespace penstock
