// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/write_tail.h"

#include "support/catch.h"

namespace penstock::test {
namespace {

TEST_CASE("small writes that follow one another are collected, up to a limit") {
  WriteTail tail;
  CHECK(tail.empty());
  const std::vector<std::byte> data(1000, std::byte{1});
  CHECK(tail.takes(70, data.size()));
  tail.add(70, data);
  CHECK(tail.offset() == 70);
  CHECK(tail.takes(1070, 10));
  CHECK_FALSE(tail.takes(1069, 10));
  CHECK_FALSE(tail.takes(1071, 10));
  CHECK_FALSE(tail.takes(70, 10));
  CHECK(tail.takes(1070, WriteTail::limit - 1000));
  CHECK_FALSE(tail.takes(1070, WriteTail::limit - 999));
  tail.add(1070, data);
  CHECK(tail.bytes().size() == 2000);
  CHECK(tail.offset() == 70);
  tail.clear();
  CHECK(tail.empty());
  CHECK(tail.takes(5, 1));
}

TEST_CASE("a large write is not collected, unless it follows what is") {
  WriteTail tail;
  CHECK(tail.takes(0, WriteTail::direct_size - 1));
  CHECK_FALSE(tail.takes(0, WriteTail::direct_size));
  const std::vector<std::byte> data(10);
  tail.add(0, data);
  CHECK(tail.takes(10, WriteTail::direct_size));
}

}  // namespace
}  // namespace penstock::test
