// SPDX-License-Identifier: Apache-2.0
#include "store/s3/xml.h"

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
