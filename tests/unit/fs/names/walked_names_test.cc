// SPDX-License-Identifier: Apache-2.0
#include "fs/names/walked_names.h"

#include <fmt/format.h>

#include <string>

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("a walk's names keep their index and come once") {
  WalkedNames names;
  CHECK(names.empty());
  CHECK_FALSE(names.has("a"));
  const std::string longest(255, 'x');
  names.add("b", FileType::file);
  names.add(longest, FileType::directory);
  names.add("b", FileType::directory);
  names.add("", FileType::file);
  REQUIRE(names.size() == 3);
  CHECK(names.name(0) == "b");
  CHECK(names.type(0) == FileType::file);
  CHECK(names.name(1) == longest);
  CHECK(names.type(1) == FileType::directory);
  CHECK(names.name(2).empty());
  CHECK(names.has(longest));
  CHECK_FALSE(names.has("c"));
}

TEST_CASE("names of a large walk stay where they are") {
  WalkedNames names;
  for (int i = 0; i < 100'000; ++i) names.add(fmt::format("n{}", i % 60'000), FileType::file);
  CHECK(names.size() == 60'000);
  const std::string_view first = names.name(0);
  for (int i = 60'000; i < 70'000; ++i) names.append(fmt::format("n{}", i), FileType::file);
  CHECK(names.size() == 70'000);
  CHECK(first.data() == names.name(0).data());
  for (int i = 0; i < 70'000; ++i) REQUIRE(names.name(i) == fmt::format("n{}", i));
}

TEST_CASE("names of a walk that have gone are known, and may come back") {
  const bool appended = GENERATE(false, true);
  WalkedNames names;
  for (const std::string_view name : {"a", "b", "c"})
    appended ? names.append(name, FileType::directory) : names.add(name, FileType::directory);
  names.mark("b", true);
  names.mark("b", true);
  names.mark("c", true);
  names.mark("bb", true);
  CHECK_FALSE(names.gone(0));
  CHECK(names.gone(1));
  CHECK(names.gone(2));
  CHECK(names.type(1) == FileType::directory);
  names.mark("b", false);
  CHECK_FALSE(names.gone(1));
  CHECK(names.gone(2));
}

}  // namespace
}  // namespace penstock
