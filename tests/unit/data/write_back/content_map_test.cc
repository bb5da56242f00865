// SPDX-License-Identifier: Apache-2.0
// Random changes, done to a ContentMap and to a plain array of what each byte should be.
#include "data/write_back/content_map.h"

#include <random>

#include "support/catch.h"
#include "support/seed.h"

namespace penstock {
namespace {

using test::seed_from;

/// Where one byte is: 0 in a hole, -1 in the base, else byte `value` of all pieces in a row.
struct Byte {
  int64_t value = 0;
  uint64_t generation = 0;
};

class Model {
 public:
  explicit Model(uint64_t base) : map(base), bytes(base, Byte{.value = -1}) {}

  void write(uint64_t offset, uint64_t length) {
    auto piece = std::make_shared<JournalPiece>();
    piece->position = next_;
    piece->length = length;
    map.assign(offset, piece, generation);
    if (offset > bytes.size()) bytes.resize(offset, Byte{.generation = generation});
    bytes.resize(std::max<uint64_t>(bytes.size(), offset + length));
    for (uint64_t i = 0; i < length; ++i)
      bytes[offset + i] = {static_cast<int64_t>(next_ + i), generation};
    next_ += length;
  }
  void resize(uint64_t size) {
    map.resize(size, generation);
    bytes.resize(size, Byte{.generation = generation});
  }
  void punch(uint64_t offset, uint64_t length) {
    const uint64_t end = std::min<uint64_t>(bytes.size(), offset + length);
    if (end <= offset) return;
    map.punch({offset, end - offset}, generation);
    for (uint64_t at = offset; at < end; ++at) bytes[at] = Byte{.generation = generation};
  }
  /// Where the first byte is that is a hole, or is none.
  std::optional<uint64_t> find(uint64_t offset, bool hole) const {
    while (offset < bytes.size() && (bytes[offset].value == 0) != hole) ++offset;
    return offset < bytes.size() ? std::optional(offset) : std::nullopt;
  }
  void settle(uint64_t up_to) {
    map.settle(up_to);
    for (Byte& byte : bytes) {
      if (byte.generation <= up_to) byte.value = -1;
    }
  }
  /// Whether the ranges of the map say of these bytes what they are.
  bool agrees(uint64_t offset, uint64_t length) const {
    uint64_t at = offset;
    for (const JournalRange& range : map.ranges({offset, length})) {
      if (range.offset != at || range.length == 0) return false;
      for (uint64_t i = 0; i < range.length; ++i) {
        int64_t value = 0;
        if (range.kind == JournalRange::Kind::base) value = -1;
        if (range.kind == JournalRange::Kind::piece)
          value = static_cast<int64_t>(range.piece->position + range.skip + i);
        if (bytes[at + i].value != value) return false;
      }
      at += range.length;
    }
    return at == std::min<uint64_t>(offset + length, std::max<uint64_t>(offset, bytes.size()));
  }

  ContentMap map;
  std::vector<Byte> bytes;
  uint64_t generation = 1;

 private:
  uint64_t next_ = 1;
};

TEST_CASE("the map of a pending file says of each byte what it is, whatever is done to it") {
  const uint64_t seed = seed_from("PENSTOCK_CONTENT_MAP_SEED", "content map");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t end) { return random() % end; };
  for (int run = 0; run < 200; ++run) {
    Model model(below(2) * below(100));
    for (int step = 0; step < 60; ++step) {
      switch (below(10)) {
        case 8:
        case 9:
          model.punch(below(110), 1 + below(40));
          break;
        case 0:
          model.resize(below(120));
          break;
        case 1:
          ++model.generation;
          break;
        case 2:
          model.settle(below(model.generation));
          break;
        default:
          model.write(below(110), 1 + below(20));
      }
      REQUIRE(model.map.size() == model.bytes.size());
      REQUIRE(model.agrees(0, model.bytes.size()));
      REQUIRE(model.agrees(below(100), below(50)));
      const uint64_t at = below(120);
      REQUIRE(model.map.find(at, true) == model.find(at, true));
      REQUIRE(model.map.find(at, false) == model.find(at, false));
    }
    const bool base = std::any_of(model.bytes.begin(), model.bytes.end(),
                                  [](const Byte& byte) { return byte.value == -1; });
    CHECK(model.map.needs_base() == base);
    const ContentMap again(model.map.ranges());
    CHECK(again.size() == model.map.size());
    CHECK(again.needs_base() == base);
  }
}

}  // namespace
}  // namespace penstock
