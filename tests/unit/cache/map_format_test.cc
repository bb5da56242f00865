// SPDX-License-Identifier: Apache-2.0
// The format of docs/cache.md, byte for byte.
#include "cache/map_format.h"

#include <fmt/core.h>

#include <set>
#include <tuple>

#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

MapHeader example() {
  return {.id = {.store = "s3://b", .key = "k", .etag = "e", .size = 20000},
          .last_modified_ns = 1'000'000'000,
          .metadata = Metadata{{"uid", "0"}}};
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<int>(byte));
  return text;
}

TEST_CASE("a header is the one that is documented", "[cache]") {
  const auto bytes = encode_header(example());
  REQUIRE(bytes.size() == 88);
  CHECK(hex(std::span(bytes).first(40)) ==
        "504e53544b4d4150"  // PNSTKMAP
        "0100000058000000"
        "0040000000000000"
        "204e000000000000"
        "00ca9a3b00000000");
  CHECK(hex(std::span(bytes).subspan(40, 40)) ==
        "0600000073333a2f2f62"
        "010000006b"
        "0100000065"
        "01000000"
        "03000000756964"
        "0100000030"
        "00000000");
  CHECK(header_length(bytes) == 88);
  CHECK(cache_name(example().id) == "bac9def4a9cdfe81914649097947ad933e6613b3");
  CHECK(hex(std::span(bytes).subspan(80)) == "4730528ef24cbfc3");
}

TEST_CASE("what was encoded is parsed", "[cache]") {
  MapHeader header = example();
  if (GENERATE(false, true)) header.metadata.reset();
  auto bytes = encode_header(header);
  const auto map = parse_header(bytes);
  REQUIRE(map.has_value());
  CHECK(map->header.id == header.id);
  CHECK(map->header.last_modified_ns == header.last_modified_ns);
  CHECK(map->header.metadata == header.metadata);
  CHECK(map->entries_at == bytes.size());
  CHECK(map->seal_at() == bytes.size() + 16);
  CHECK(map->map_size() == bytes.size() + 40);
}

TEST_CASE("a header with any changed byte is none", "[cache]") {
  const auto bytes = encode_header(example());
  for (size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] ^= std::byte{0x10};
    CHECK_FALSE(parse_header(changed).has_value());
    CHECK_FALSE(parse_header(std::span(bytes).first(at)).has_value());
  }
}

TEST_CASE("names tell all fields apart", "[cache]") {
  const VersionId id = example().id;
  std::set<std::string> names{cache_name(id)};
  for (int field = 0; field < 5; ++field) {
    VersionId other = id;
    if (field == 0) other.store += 'x';
    if (field == 1) other.key += 'x';
    if (field == 2) other.etag += 'x';
    if (field == 3) other.size += 1;
    if (field == 4) std::tie(other.key, other.etag) = std::pair("ke", "");
    names.insert(cache_name(other));
  }
  CHECK(names.size() == 6);
  for (const std::string& name : names) CHECK(name.size() == 40);
}

TEST_CASE("seals and counts hold only what was put in", "[cache]") {
  const Seal seal{.inode = 7, .modified_ns = -3};
  SealBytes bytes = encode_seal(seal, 5);
  CHECK(decode_seal(bytes, 5) == seal);
  CHECK(decode_seal(bytes, 6) == std::nullopt);
  CHECK(decode_seal(SealBytes{}, 5) == std::nullopt);
  bytes[3] ^= std::byte{1};
  CHECK(decode_seal(bytes, 5) == std::nullopt);

  UsageBytes usage = encode_usage({.bytes = 1ULL << 40, .files = 3});
  CHECK(decode_usage(usage)->bytes == 1ULL << 40);
  CHECK(decode_usage(usage)->files == 3);
  usage[9] ^= std::byte{1};
  CHECK_FALSE(decode_usage(usage).has_value());
}

TEST_CASE("no chunk has the sum of an absent one", "[cache]") {
  CHECK(chunk_sum({}) != 0);
  CHECK(chunk_sum(object_bytes(chunk, 1)) != chunk_sum(object_bytes(chunk, 2)));
}

}  // namespace
}  // namespace penstock
