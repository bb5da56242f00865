// SPDX-License-Identifier: Apache-2.0
#include "fs/names/key_names.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("names that are UTF-8 are their keys' components") {
  const KeyNames keys(true);
  for (const char* name :
       {"a", "d\xC3\xA9j\xC3\xA0", "\xE6\x97\xA5\xF0\x9F\x98\x80", "...", " ", "%2E"}) {
    CAPTURE(name);
    CHECK(keys.component_of(name) == name);
    CHECK(keys.name_of(name) == name);
  }
}

TEST_CASE("any name becomes a component in UTF-8 and is found again") {
  const KeyNames keys(true);
  for (const std::string& name :
       {std::string("\xFF"), std::string("a\x80z"), std::string("\xC3"),
        std::string("\xED\xA0\x80"), std::string("\xC0\xAF"), std::string("\xEF\x9F\xBF"),
        std::string("\xEF\x9E\x80\xFF"), std::string("\xF4\x90\x80\x80")}) {
    CAPTURE(name);
    const std::string component = keys.component_of(name);
    CHECK(component != name);
    CHECK(KeyNames(true).component_of(component) != component);
    CHECK(keys.name_of(component) == name);
  }
  CHECK(keys.component_of("a\xFF") == "a\xEF\x9F\xBF");
  CHECK(keys.component_of("a\x80") == "a\xEF\x9E\x80");
}

TEST_CASE("a store whose keys are bytes has names as they are") {
  const KeyNames keys(false);
  CHECK(keys.component_of("a\xFF") == "a\xFF");
  CHECK(keys.name_of("a\xFF") == "a\xFF");
  CHECK(keys.name_of("\xEF\x9F\xBF") == "\xEF\x9F\xBF");
}

TEST_CASE("components that are no names have names all the same") {
  const KeyNames keys(GENERATE(false, true));
  for (const char* component : {"", ".", ".."}) {
    CAPTURE(component);
    const auto name = keys.name_of(component);
    REQUIRE(name.has_value());
    CHECK(*name != component);
    CHECK(name->find('/') == std::string::npos);
    CHECK(keys.component_of(*name) == component);
  }
}

TEST_CASE("components that no name leads to are left out") {
  const KeyNames keys(true);
  CHECK_FALSE(keys.name_of(std::string("a\0b", 3)));
  CHECK_FALSE(keys.name_of(std::string(256, 'x')));
  CHECK(keys.name_of(std::string(255, 'x')));
  CHECK_FALSE(keys.name_of("\xEF\x9C\xAE"));              // the name of "."
  CHECK_FALSE(keys.name_of("\xEF\x9F\x83\xEF\x9E\xA9"));  // bytes that are UTF-8
  CHECK_FALSE(keys.name_of("\xFF"));
}

}  // namespace
}  // namespace penstock
