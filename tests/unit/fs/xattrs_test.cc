// SPDX-License-Identifier: Apache-2.0
#include "fs/names/xattrs.h"

#include <algorithm>

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("an extended attribute is found again, whatever its name and value are") {
  const std::string name = GENERATE(as<std::string>(), "color", "Upper", "mode", "penstock-writer",
                                    "with blank", "d\xC3\xA9j\xC3\xA0", "a:b", "goog-reserved-x");
  const std::string value = GENERATE(as<std::string>(), "blue", "", " x", "x ", "a b",
                                     std::string("\0\xFF\n", 3), "=?utf-8?Q?x?=");
  CAPTURE(name, value);
  Metadata metadata{{"kept", "1"}};
  put_xattr(metadata, name, value);
  CHECK(find_xattr(metadata, name) == value);
  const std::vector<std::string> names = xattr_names(metadata);
  CHECK(names.size() == 2);
  CHECK(std::count(names.begin(), names.end(), name) == 1);
  for (const auto& [key, text] : metadata) {
    CHECK(key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string::npos);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  CHECK(erase_xattr(metadata, name));
  CHECK_FALSE(erase_xattr(metadata, name));
  CHECK_FALSE(find_xattr(metadata, name));
  CHECK(metadata == Metadata{{"kept", "1"}});
}

TEST_CASE("the plain form is what other programs read and write") {
  Metadata metadata;
  put_xattr(metadata, "color", "blue");
  CHECK(metadata == Metadata{{"color", "blue"}});
  put_xattr(metadata, "color", "\n");
  CHECK(metadata.count("color") == 0);
  put_xattr(metadata, "color", "red");
  CHECK(metadata == Metadata{{"color", "red"}});
}

TEST_CASE("what is no extended attribute is not shown as one") {
  const Metadata metadata{{"mode", "33188"},          {"penstock-children", "carry-attributes"},
                          {"penstock-xattr-6", "00"}, {"penstock-xattr-zz", "00"},
                          {"penstock-xattr-61", "0"}, {"color", "blue"}};
  CHECK(xattr_names(metadata) == std::vector<std::string>{"color"});
  CHECK_FALSE(find_xattr(metadata, "mode"));
}

}  // namespace
}  // namespace penstock
