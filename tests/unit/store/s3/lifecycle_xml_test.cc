// SPDX-License-Identifier: Apache-2.0
#include "store/s3/lifecycle_xml.h"

#include <string>

#include "store/s3/xml.h"
#include "support/catch.h"

namespace penstock {
namespace {

const TransitionRule checkpoints{.id = "penstock/GLACIER_IR/checkpoints/",
                                 .prefix = "checkpoints/",
                                 .older_than = 7,
                                 .storage_class = "GLACIER_IR"};

constexpr char written[] =
    "<Rule><ID>penstock/GLACIER_IR/checkpoints/</ID><Filter><Prefix>checkpoints/</Prefix></Filter>"
    "<Status>Enabled</Status><Transition><Days>7</Days><StorageClass>GLACIER_IR</StorageClass>"
    "</Transition></Rule>";

/// A rule of somebody else's, with all that may go wrong when it is written again.
constexpr char strange[] =
    "  <Rule xmlns:x=\"urn:x\" note='a > b'>\n\t<ID>old &amp; odd</ID><!-- <Rule> -->"
    "<Filter><And><Prefix>a\xC3\xA4/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>"
    "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>"
    "<Status>Enabled</Status><x:Future depth=\"1\"><Rule/><![CDATA[</Rule>]]></x:Future>"
    "<Expiration><Days>365</Days></Expiration></Rule>\n";

std::string head() {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
}
constexpr char tail[] = "</LifecycleConfiguration>\n<!-- end -->";

}  // namespace

TEST_CASE("a bucket without rules gets a document of its own") {
  const std::string document = with_rule("", checkpoints).value();
  CHECK(document == "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
                        std::string(written) + "</LifecycleConfiguration>");
  const auto rules = parse_lifecycle(document).value();
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].id == checkpoints.id);
  CHECK(rules[0].enabled);
  CHECK(rules[0].prefix == "checkpoints/");
  CHECK(rules[0].transitions.at(0).days == 7U);
  CHECK(rules[0].transitions.at(0).storage_class == "GLACIER_IR");
  CHECK(rules[0].others.empty());
}

TEST_CASE("the rules of others keep every byte") {
  const std::string before = head() + strange + "<Unknown a=\"/>\"/>" + tail;
  const std::string with = with_rule(before, checkpoints).value();
  CHECK(with == head() + strange + "<Unknown a=\"/>\"/>" + written + tail);
  CHECK(without_rules(with, {checkpoints.id}).value() == before);
}

TEST_CASE("prefixes with control characters, which S3 writes as references, stay as they are") {
  const std::string odd = "<Rule><ID>o</ID><Filter><Prefix>&#x1;</Prefix></Filter></Rule>";
  const std::string with = with_rule(head() + odd + tail, checkpoints).value();
  CHECK(with == head() + odd + written + tail);
  CHECK(parse_lifecycle(with).value().at(0).prefix == "\x01");
}

TEST_CASE("a rule takes the place of those of its id") {
  TransitionRule later = checkpoints;
  later.older_than = 30;
  const std::string both = head() + strange + written + "<Rule><ID>z</ID></Rule>" + written + tail;
  const std::string changed = with_rule(both, later).value();
  CHECK(changed.starts_with(head() + strange + "<Rule><ID>z</ID></Rule><Rule>"));
  const auto rules = parse_lifecycle(changed).value();
  REQUIRE(rules.size() == 3);
  CHECK(rules[2].transitions.at(0).days == 30U);
}

TEST_CASE("what is not understood of a rule is told by name") {
  const auto rules = parse_lifecycle(head() + strange + tail).value();
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].id == "old & odd");
  CHECK(rules[0].prefix == "a\xC3\xA4/");
  CHECK(rules[0].limits == "tag k=v, ObjectSizeGreaterThan 5");
  CHECK(rules[0].expiration_days == 365U);
  CHECK(rules[0].others == std::vector<std::string>{"Future"});
}

TEST_CASE("a rule is written as the others are, with the prefix in a filter or bare") {
  const std::string bare = "<Rule><ID>v1</ID><Prefix>logs/</Prefix></Rule>";
  const std::string document = with_rule(head() + bare + tail, checkpoints).value();
  CHECK(document.find("</ID><Prefix>checkpoints/</Prefix><Status>") != std::string::npos);
  CHECK(parse_lifecycle(document).value().at(1).prefix == "checkpoints/");
  CHECK(with_rule(head() + bare + strange + tail, checkpoints)
            .value()
            .find("<Filter><Prefix>checkpoints/</Prefix></Filter>") != std::string::npos);
}

TEST_CASE("a document with a namespace prefix gets a rule with that prefix") {
  const std::string document =
      "<s3:LifecycleConfiguration xmlns:s3=\"urn:s3\"><s3:Rule><s3:ID>a</s3:ID></s3:Rule>"
      "</s3:LifecycleConfiguration>";
  const std::string with = with_rule(document, checkpoints).value();
  CHECK(with.ends_with("</s3:Transition></s3:Rule></s3:LifecycleConfiguration>"));
  const auto rules = parse_lifecycle(with).value();
  REQUIRE(rules.size() == 2);
  CHECK(rules[1].prefix == "checkpoints/");
}

TEST_CASE("an empty configuration is filled, and the last rule leaves none") {
  const std::string with = with_rule("<LifecycleConfiguration />", checkpoints).value();
  CHECK(with == "<LifecycleConfiguration >" + std::string(written) + "</LifecycleConfiguration>");
  CHECK(without_rules(with, {checkpoints.id}).value().empty());
}

TEST_CASE("prefix and id are escaped") {
  TransitionRule rule = checkpoints;
  rule.prefix = "a&b<c>\r/";
  const std::string document = with_rule("", rule).value();
  CHECK(document.find("<Prefix>a&amp;b&lt;c&gt;&#13;/</Prefix>") != std::string::npos);
  CHECK(parse_lifecycle(document).value().at(0).prefix == rule.prefix);
  rule.prefix = "bell\x07/";
  CHECK(with_rule("", rule).code() == Code::invalid_argument);
}

TEST_CASE("no more rules than S3 takes are written") {
  std::string rules;
  for (size_t i = 1; i < most_lifecycle_rules; ++i)
    rules += "<Rule><ID>" + std::to_string(i) + "</ID></Rule>";
  const std::string document = head() + rules + tail;
  const std::string full = with_rule(document, checkpoints).value();
  TransitionRule another = checkpoints;
  another.id = "another";
  CHECK(with_rule(full, another).code() == Code::invalid_argument);
  CHECK(with_rule(full, checkpoints).has_value());
}

TEST_CASE("what is no lifecycle configuration is never changed") {
  CHECK(parse_lifecycle("<ListBucketResult/>").code() == Code::not_supported);
  CHECK(with_rule("<ListBucketResult/>", checkpoints).code() == Code::not_supported);
  CHECK(parse_lifecycle("<LifecycleConfiguration><Rule>").code() == Code::corrupt);
}

TEST_CASE("a document in another encoding than UTF-8 is not changed: its text is not its bytes") {
  const std::string plain =
      "<LifecycleConfiguration><Rule><ID>o</ID></Rule></LifecycleConfiguration>";
  std::string utf16 = "\xFF\xFE";
  for (const char c : plain) utf16 += {c, '\0'};
  const std::string utf7 =
      "<?xml version='1.0' encoding = 'UTF-7'?><LifecycleConfiguration>+ADw-Rule+AD4-"
      "</Rule></LifecycleConfiguration>";
  for (const std::string& document : {utf16, utf7}) {
    CHECK(parse_lifecycle(document).code() == Code::corrupt);
    CHECK(with_rule(document, checkpoints).code() == Code::corrupt);
  }
  CHECK(with_rule("\xEF\xBB\xBF<?xml version=\"1.0\" encoding='utf-8'?>" + plain, checkpoints));
  CHECK(with_rule("<?xml version=\"1.0\"?>" + plain, checkpoints));
}

TEST_CASE("a rule with two ids has the first one, wherever it is asked for") {
  const std::string twice =
      "<LifecycleConfiguration><Rule><ID>o</ID><ID>p</ID></Rule></LifecycleConfiguration>";
  CHECK(parse_lifecycle(twice)->at(0).id == "o");
  CHECK(without_rules(twice, {"o"}).value().empty());
  CHECK(without_rules(twice, {"p"}).value() == twice);
}

TEST_CASE("rules are equal where only blanks between elements differ") {
  const auto whole = [](const std::string& rule) {
    return parse_lifecycle("<LifecycleConfiguration>" + rule + "</LifecycleConfiguration>")
        .value()
        .at(0)
        .whole;
  };
  CHECK(whole("<Rule><ID>a</ID><Prefix>b</Prefix></Rule>") ==
        whole("<Rule>\n  <ID>a</ID>\n  <Prefix>b</Prefix></Rule>"));
  CHECK(whole("<Rule><ID>a</ID><Prefix>b</Prefix></Rule>") !=
        whole("<Rule><ID>a</ID><Prefix>b </Prefix></Rule>"));
  CHECK(whole("<Rule><ID>a</ID><New/></Rule>") != whole("<Rule><ID>a</ID></Rule>"));
}

}  // namespace penstock
