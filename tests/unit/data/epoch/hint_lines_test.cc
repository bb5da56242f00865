// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/hint_lines.h"

#include "support/catch.h"

namespace penstock {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("names of hints end at newlines and zero bytes, in whatever pieces", "[epoch]") {
  using std::string_literals::operator""s;
  const std::string text = "a/b\nc\0/mnt/data/d e\n\n"s;
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    HintLines lines("/mnt/data");
    Names names;
    for (size_t at = 0; at < text.size(); at += piece) {
      const HintLines::Names found = lines.take(std::string_view(text).substr(at, piece));
      CHECK_FALSE(found.too_long);
      CHECK(found.outside == 0);
      names.insert(names.end(), found.names.begin(), found.names.end());
    }
    CHECK(names == Names{"a/b", "c", "d e"});
    CHECK(lines.rest().names.empty());
  }
}

TEST_CASE("names of hints lie in the mount", "[epoch]") {
  HintLines lines("/mnt/data");
  CHECK(lines.take("/mnt/data/x\n/mnt/data//y/./z\n./a//b/\n...\n").names ==
        Names{"x", "y/z", "a/b", "..."});
  for (const char* outside :
       {"/mnt/data", "/mnt/data/", "/mnt/database", "/", "..", "a/../b", ".", "/etc/passwd"}) {
    CAPTURE(outside);
    const HintLines::Names found = lines.take(std::string(outside) + "\n");
    CHECK(found.names.empty());
    CHECK(found.outside == 1);
  }
}

TEST_CASE("a last name of hints needs no end", "[epoch]") {
  HintLines lines("/mnt");
  CHECK(lines.take("a\nb").names == Names{"a"});
  CHECK(lines.rest().names == Names{"b"});
  CHECK(lines.rest().names.empty());
}

TEST_CASE("a name of hints that is too long is told, and forgotten", "[epoch]") {
  HintLines lines("/mnt");
  const std::string longest(HintLines::longest, 'x');
  CHECK(lines.take(longest + "\n").names == Names{longest});
  CHECK_FALSE(lines.take(longest).too_long);
  CHECK(lines.take("x").too_long);
  CHECK(lines.take("a\n").names == Names{"a"});
}

}  // namespace
}  // namespace penstock
