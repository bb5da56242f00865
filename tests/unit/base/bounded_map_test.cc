// SPDX-License-Identifier: Apache-2.0
#include "base/bounded_map.h"

#include <string>
#include <utility>

#include "support/catch.h"

namespace penstock {

TEST_CASE("the entry that was added first makes room for a new one") {
  BoundedMap<std::string, int> map(2);
  map.add("a", 1);
  map.add("b", 2);
  CHECK(map.find("a") != nullptr);
  map.add("c", 3);
  CHECK(map.find("a") == nullptr);
  CHECK(*map.find("b") == 2);
  CHECK(*map.find("c") == 3);
  CHECK(map.size() == 2);
}

TEST_CASE("an entry that stays outlives all that come and go") {
  BoundedMap<std::string, int> map(2);
  map.add("stays", 1);
  for (int i = 0; i < 10; ++i) {
    map.add("goes", i);
    map.erase("goes");
  }
  CHECK(*map.find("stays") == 1);
  CHECK(map.size() == 1);
  for (const char* key : {"x", "y", "z"}) map.add(key, 0);
  CHECK(map.find("stays") == nullptr);
  CHECK(map.size() == 2);
}

TEST_CASE("a key that is added again keeps its value and its age") {
  BoundedMap<std::string, int> map(2);
  map.add("a", 1);
  map.add("b", 2);
  CHECK(map.add("a", 7) == 1);
  CHECK(map.size() == 2);
  map.add("a", 0) = 9;
  CHECK(*map.find("a") == 9);
  map.add("c", 3);
  CHECK(map.find("a") == nullptr);
  CHECK(map.find("b") != nullptr);
}

TEST_CASE("what is not there is neither found nor erased") {
  BoundedMap<std::string, int> map(1);
  map.erase("a");
  CHECK(std::as_const(map).find("a") == nullptr);
  map.add("a", 1);
  CHECK(*std::as_const(map).find("a") == 1);
}

}  // namespace penstock
