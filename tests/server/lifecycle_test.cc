// SPDX-License-Identifier: Apache-2.0
#include "server/digest.h"
#include "server/raw_client.h"
#include "server/test_server.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

std::string rule(const std::string& id, const std::string& filter, const std::string& actions) {
  return "<Rule><ID>" + id + "</ID>" + filter + "<Status>Enabled</Status>" + actions + "</Rule>";
}

std::string move_to(const std::string& storage_class, int days) {
  return "<Transition><Days>" + std::to_string(days) + "</Days><StorageClass>" + storage_class +
         "</StorageClass></Transition>";
}

std::string document(const std::string& rules) {
  return "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>";
}

const std::string filter = "<Filter><Prefix>a/</Prefix></Filter>";

struct Fixture {
  RawReply send(const std::string& method, const std::string& body = {},
                std::map<std::string, std::string> headers = {}) {
    if (!body.empty()) headers.emplace("content-md5", base64(digest(DigestKind::md5, body)));
    return client.send({.method = method,
                        .path = "/test",
                        .query = {{"lifecycle", ""}},
                        .headers = std::move(headers)},
                       body);
  }
  /// The error's code; empty: it was taken.
  std::string refused(const std::string& rules) {
    return xml_text(send("PUT", document(rules)).body, "Code");
  }

  TestServer server;
  RawClient client{server.port()};
};

}  // namespace

TEST_CASE("a lifecycle configuration is kept, told and deleted", "[server]") {
  Fixture f;
  const RawReply none = f.send("GET");
  CHECK(none.status == 404);
  CHECK(xml_text(none.body, "Code") == "NoSuchLifecycleConfiguration");
  const std::string given = document(rule("one", filter, move_to("GLACIER", 0)));
  REQUIRE(f.send("PUT", "<?xml version=\"1.0\"?>" + given,
                 {{"x-amz-transition-default-minimum-object-size", "varies_by_storage_class"}})
              .status == 200);
  const RawReply told = f.send("GET");
  CHECK(told.body.ends_with("\n" + given));
  CHECK(told.headers.at("x-amz-transition-default-minimum-object-size") ==
        "varies_by_storage_class");
  REQUIRE(f.send("PUT", given).status == 200);
  CHECK(f.server.small_objects("test") == "all_storage_classes_128K");
  CHECK(f.send("DELETE").status == 204);
  CHECK(f.send("GET").status == 404);
}

TEST_CASE("a lifecycle configuration needs a checksum", "[server]") {
  Fixture f;
  const std::string given = document(rule("one", filter, move_to("GLACIER", 0)));
  const RawReply reply =
      f.client.send({.method = "PUT", .path = "/test", .query = {{"lifecycle", ""}}}, given);
  CHECK(reply.status == 400);
  CHECK(f.send("PUT", given, {{"content-md5", base64(std::string(16, 'x'))}}).status == 400);
  CHECK(f.server.lifecycle("test").empty());
}

TEST_CASE("lifecycle rules that S3 does not take are refused", "[server]") {
  Fixture f;
  const std::string good = rule("good", filter, move_to("GLACIER", 1));
  CHECK(f.refused(good).empty());
  CHECK(f.refused("") == "MalformedXML");
  CHECK(f.refused(good + good) == "InvalidArgument");
  CHECK(f.refused(rule("x", filter, move_to("COLD", 1))) == "MalformedXML");
  CHECK(f.refused(rule("x", "", move_to("GLACIER", 1))) == "MalformedXML");
  CHECK(f.refused(rule("x", filter, "")) == "InvalidRequest");
  CHECK(f.refused(rule(std::string(256, 'x'), filter, move_to("GLACIER", 1))) == "InvalidArgument");
  CHECK(f.refused(rule("x", filter, move_to("STANDARD_IA", 7))) == "InvalidArgument");
  CHECK(f.refused(rule("x", filter, move_to("GLACIER", 1) + move_to("GLACIER_IR", 9))) ==
        "InvalidRequest");
  CHECK(f.refused(rule("x", filter, move_to("GLACIER_IR", 1) + move_to("GLACIER", 9))).empty());
  CHECK(f.refused(good + rule("bare", "<Prefix>b/</Prefix>", move_to("GLACIER", 1))) ==
        "InvalidRequest");
  CHECK(f.refused(rule("1", "<Prefix>b/</Prefix>", move_to("GLACIER", 1)) +
                  rule("2", "<Prefix>b/c</Prefix>", move_to("GLACIER", 1))) == "InvalidRequest");
  CHECK(f.refused(rule("1", "<Prefix>b/</Prefix>", move_to("GLACIER", 1)) +
                  rule("2", "<Prefix>c/</Prefix>", move_to("GLACIER", 1)))
            .empty());
}

}  // namespace penstock::test
