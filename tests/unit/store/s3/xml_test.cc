// SPDX-License-Identifier: Apache-2.0
#include "store/s3/xml.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "support/catch.h"

namespace penstock {
namespace {

std::string key_in(const std::string& text) {
  const auto xml = parse_xml("<Answer><Key>" + text + "</Key></Answer>");
  return xml ? std::string(xml->text_of("Key")) : std::string(to_string(xml.code()));
}

TEST_CASE("Text and references are read") {
  CHECK(key_in("a&amp;b &lt;&gt;&quot;&apos;") == "a&b <>\"'");
  CHECK(key_in("&#233;&#xe9;&#10;&#x7f;") == "\xC3\xA9\xC3\xA9\n\x7f");
  CHECK(key_in("<![CDATA[&#x1;<b>]]>") == "&#x1;<b>");
}

TEST_CASE("References to control characters, which XML forbids, are read all the same") {
  CHECK(key_in("a&#x1;b&#x01;&#1;&#x1f;c&#31;&amp;#x1;") ==
        "a\x01"
        "b\x01\x01\x1f"
        "c\x1f&#x1;");
  CHECK(key_in("&#x1") == "corrupt");
  CHECK(key_in("&#x0;") == "corrupt");
  CHECK(key_in("&#-1;") == "corrupt");
  CHECK(key_in("&#;") == "corrupt");
  CHECK(key_in("a\x01z") == "corrupt");
}

TEST_CASE("Other entities and document types are refused") {
  CHECK(key_in("&other;") == "corrupt");
  CHECK(parse_xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").code() == Code::corrupt);
  CHECK(parse_xml("<a><b></a>").code() == Code::corrupt);
  CHECK(parse_xml("").code() == Code::corrupt);
  CHECK(parse_xml("&#").code() == Code::corrupt);
}

/// What is written to stderr while it lives.
class CaughtStderr {
 public:
  CaughtStderr() : before_(dup(STDERR_FILENO)), file_(memfd_create("stderr", MFD_CLOEXEC)) {
    REQUIRE(dup2(file_, STDERR_FILENO) == STDERR_FILENO);
  }
  ~CaughtStderr() {
    dup2(before_, STDERR_FILENO);
    close(before_);
    close(file_);
  }
  CaughtStderr(const CaughtStderr&) = delete;
  CaughtStderr& operator=(const CaughtStderr&) = delete;

  off_t bytes() const { return lseek(file_, 0, SEEK_END); }

 private:
  const int before_;
  const int file_;
};

TEST_CASE("An answer in another encoding is refused without a word on stderr") {
  using namespace std::string_literals;
  const CaughtStderr caught;
  for (const std::string& text :
       {"\xFF\xFE<\0a\0>\0\0\xD8"s
        "A\0<\0/\0a\0>\0"s,
        "<\0a\0>\0\0\xD8"s
        "A\0<\0/\0a\0>\0"s,
        "\xFE\xFF\0<\0a\0>\xD8\0\0A"s, "\0\0\0<\0\0\0a"s, "\x4C\x6F\xA7\x94\x93\x40\xA5"s,
        "<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><a>\x81\xFF\xFF</a>"s,
        "<?xml version=\"1.0\" encoding=\"US-ASCII\"?><a>\xE9</a>"s, "no XML"s, "\0"s}) {
    CHECK(parse_xml(text).code() == Code::corrupt);
  }
  CHECK(caught.bytes() == 0);
  CHECK(parse_xml("\xEF\xBB\xBF<a>x</a>"));
  CHECK(parse_xml("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a>\xC3\xA9</a>"));
}

TEST_CASE("What XML carries comes back as it was") {
  for (const std::string key : {"a&b<c>\"'", "new\nline", "tab\tkey", "cr\rlf", "p\xC3\xA4th"}) {
    CHECK(xml_can_carry(key));
    CHECK(key_in(xml_escape(key)) == key);
  }
  for (const std::string key : {"\x01", "a\x1f", "\xFF", "\xEF\xBF\xBF", "\xED\xA0\x80"})
    CHECK_FALSE(xml_can_carry(key));
}

}  // namespace
}  // namespace penstock
