// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "server/raw_client.h"
#include "server/test_server.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

struct Page {
  std::vector<std::string> names;  ///< Keys and common prefixes, sorted.
  bool truncated = false;
  std::string token;
};

class Lister {
 public:
  explicit Lister(const TestServer& server) : client_(server.port()) {}

  Page page(Query query) {
    query.emplace_back("list-type", "2");
    const RawReply reply = client_.send({.path = "/test", .query = std::move(query)});
    REQUIRE(reply.status == 200);
    Page page;
    for (const std::string& item : xml_elements(reply.body, "Contents"))
      page.names.push_back(xml_text(item, "Key"));
    for (const std::string& item : xml_elements(reply.body, "CommonPrefixes")) {
      page.names.push_back(xml_text(item, "Prefix"));
    }
    CHECK(xml_text(reply.body, "KeyCount") == std::to_string(page.names.size()));
    std::sort(page.names.begin(), page.names.end());
    page.truncated = xml_text(reply.body, "IsTruncated") == "true";
    page.token = xml_text(reply.body, "NextContinuationToken");
    CHECK(page.truncated == !page.token.empty());
    return page;
  }

  std::vector<std::string> all(const Query& query) {
    std::vector<std::string> names;
    Page page = this->page(query);
    while (true) {
      names.insert(names.end(), page.names.begin(), page.names.end());
      if (!page.truncated) return names;
      Query next = query;
      next.emplace_back("continuation-token", page.token);
      page = this->page(next);
    }
  }

 private:
  RawClient client_;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("keys and common prefixes share pages in byte order", "[server]") {
  TestServer server;
  for (const char* key :
       {"l/a-b", "l/a/x", "l/a/y", "l/a0", "l/b/1", "l/c", "l/d/1", "l/Z", "l/\xC3\xA9", "m"}) {
    server.put_object("test", key, "1");
  }
  Lister lister(server);
  const Names expected = {"l/Z", "l/a-b", "l/a/", "l/a0", "l/b/", "l/c", "l/d/", "l/\xC3\xA9"};
  for (int most = 1; most <= 9; ++most) {
    CHECK(lister.all({{"prefix", "l/"}, {"delimiter", "/"}, {"max-keys", std::to_string(most)}}) ==
          expected);
  }
  CHECK(lister.page({{"prefix", "l/"}, {"delimiter", "/"}, {"max-keys", "3"}}).names ==
        Names{"l/Z", "l/a-b", "l/a/"});
  CHECK(lister.all({{"delimiter", "/"}}) == Names{"l/", "m"});
  CHECK(lister.all({{"prefix", "l/a"}, {"delimiter", "/"}}) == Names{"l/a-b", "l/a/", "l/a0"});
  CHECK(lister.all({{"prefix", "l/"}, {"start-after", "l/b"}, {"max-keys", "2"}}) ==
        Names{"l/b/1", "l/c", "l/d/1", "l/\xC3\xA9"});
  CHECK(lister.all({{"prefix", "none"}}).empty());
}

TEST_CASE("names that XML cannot carry are listed with encoding-type=url", "[server]") {
  TestServer server;
  server.put_object("test", "o/a b+c\x01\n&", "1");
  RawClient client(server.port());
  const RawReply reply =
      client.send({.path = "/test",
                   .query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", "o/a b"}}});
  CHECK(xml_text(reply.body, "Key") == "o/a+b%2Bc%01%0A%26");
  CHECK(xml_text(reply.body, "EncodingType") == "url");
  CHECK(xml_text(reply.body, "Prefix") == "o/a+b");
}

TEST_CASE("without it their control characters are references, as on AWS", "[server]") {
  TestServer server;
  server.put_object("test", "o/\x01\t", "1");
  RawClient client(server.port());
  const RawReply reply = client.send({.path = "/test", .query = {{"list-type", "2"}}});
  CHECK(reply.body.find("<Key>o/&#x01;\t</Key>") != std::string::npos);
}

TEST_CASE("a listing of thousands comes in pages of 1,000", "[server]") {
  TestServer server;
  for (int i = 0; i < 2500; ++i) server.put_synthetic("test", "d/" + std::to_string(10000 + i), 7);
  Lister lister(server);
  CHECK(lister.page({{"prefix", "d/"}, {"max-keys", "5000"}}).names.size() == 1000);
  CHECK(lister.all({{"prefix", "d/"}}) == server.keys("test"));
}

TEST_CASE("a token that is none is refused", "[server]") {
  TestServer server;
  RawClient client(server.port());
  CHECK(client.send({.path = "/test", .query = {{"list-type", "2"}, {"continuation-token", "?"}}})
            .status == 400);
}

}  // namespace penstock::test
