// SPDX-License-Identifier: Apache-2.0
#include "store/crc_chains.h"

#include <algorithm>
#include <random>
#include <string>

#include "scripted_store.h"
#include "support/catch.h"

namespace penstock {
namespace {

using test::as_bytes;

RangeCrcs crcs_of(std::string_view bytes) {
  RunningRangeCrcs running(std::nullopt);
  running.update(as_bytes(bytes));
  return running.value();
}

std::string content_of(size_t size) {
  std::mt19937 random(7);
  std::string content(size, '?');
  for (char& byte : content) byte = static_cast<char>(random());
  return content;
}

TEST_CASE("Ranges in any order come to the CRCs of the whole object") {
  const std::string content = content_of(1000);
  std::vector<ByteRange> ranges;
  for (uint64_t at = 0; at < 1000; at += 37)
    ranges.push_back({at, std::min<uint64_t>(37, 1000 - at)});
  std::shuffle(ranges.begin(), ranges.end(), std::mt19937(GENERATE(1, 2, 3, 4)));
  CrcChains chains(content.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    const ByteRange range = ranges[i];
    const auto whole =
        chains.add(range, crcs_of(std::string_view(content).substr(range.offset, range.length)));
    CHECK(whole.has_value() == (i + 1 == ranges.size()));
    if (whole) CHECK(*whole == crcs_of(content));
  }
  CHECK(chains.count() == 0);
}

TEST_CASE("Two who read the same object at different times have a chain each") {
  const std::string content = content_of(100);
  const auto piece = [&](uint64_t begin, uint64_t end) {
    return crcs_of(std::string_view(content).substr(begin, end - begin));
  };
  CrcChains chains(100);
  CHECK_FALSE(chains.add({0, 50}, piece(0, 50)));
  CHECK_FALSE(chains.add({0, 30}, piece(0, 30)));
  CHECK_FALSE(chains.add({30, 40}, piece(30, 70)));
  CHECK(chains.add({50, 50}, piece(50, 100)) == crcs_of(content));
  CHECK(chains.add({70, 30}, piece(70, 100)) == crcs_of(content));
}

TEST_CASE("Of very many chains that which has not grown for longest is forgotten") {
  const std::string content = content_of(10 * CrcChains::most);
  const auto add = [&](CrcChains& chains, uint64_t begin, uint64_t length) {
    return chains.add({begin, length}, crcs_of(std::string_view(content).substr(begin, length)));
  };
  CrcChains chains(content.size());
  CHECK_FALSE(add(chains, 0, 1));
  for (uint64_t i = 1; i < CrcChains::most; ++i) CHECK_FALSE(add(chains, i * 10, 1));
  CHECK_FALSE(add(chains, 1, 1));   // The first one has grown last of all,
  CHECK_FALSE(add(chains, 15, 1));  // so that of byte 10 makes room.
  CHECK(chains.count() == CrcChains::most);
  CHECK_FALSE(add(chains, 2, 8));
  CHECK_FALSE(add(chains, 11, 4));
  CHECK_FALSE(add(chains, 16, content.size() - 16));
  CHECK(add(chains, 10, 1) == crcs_of(content));
}

TEST_CASE("One kind alone is computed where it is known which one is wanted") {
  const RangeCrcs both = crcs_of("123456789");
  CHECK(both == RangeCrcs{0xE3069283, 0xCBF43926});  // The check values of the two kinds.
  for (size_t i = 0; i < range_crc_kinds.size(); ++i) {
    RunningRangeCrcs one(range_crc_kinds[i]);
    one.update(as_bytes("123456789"));
    CHECK(one.value()[i] == both[i]);
    CHECK(one.value()[1 - i] == 0);
  }
}

}  // namespace
}  // namespace penstock
