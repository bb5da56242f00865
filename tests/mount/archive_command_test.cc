// SPDX-License-Identifier: Apache-2.0
// penstock archive and penstock tier: through a mount, and without one.
#include <sys/stat.h>
#include <sys/xattr.h>

#include "mount/mounted_bucket.h"
#include "server/raw_client.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

std::vector<std::string> with_server(const TestServer& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, {"--endpoint-url", server.endpoint()});
  return arguments;
}

/// An object with all that a copy may lose.
void put_described(TestServer& server, const std::string& key) {
  RawClient client(server.port());
  const RawReply stored = client.send({.method = "PUT",
                                       .path = "/test/" + key,
                                       .headers = {{"content-type", "text/x"},
                                                   {"cache-control", "max-age=5"},
                                                   {"x-amz-meta-color", "blue"},
                                                   {"x-amz-meta-mtime", "1700000000"},
                                                   {"x-amz-tagging", "team=red"}}},
                                      "text");
  REQUIRE(stored.status == 200);
}

void check_described(const TestServer& server, const std::string& key) {
  RawClient client(server.port());
  const auto headers = client.send({.method = "HEAD", .path = "/test/" + key}).headers;
  CHECK(headers.at("content-type") == "text/x");
  CHECK(headers.at("cache-control") == "max-age=5");
  CHECK(headers.at("x-amz-meta-color") == "blue");
  CHECK(headers.at("x-amz-meta-mtime") == "1700000000");
  CHECK(headers.at("x-amz-tagging-count") == "1");
}

TEST_CASE("archive moves objects to another class, and everything else of them stays") {
  TestServer server;
  put_described(server, "d/a");
  put_described(server, "d/s/b");
  put_described(server, "other");
  Mounted mount(server);
  std::vector<std::string> arguments = {"archive", "-r", "--class", "GLACIER_IR", mount.path("d")};
  SECTION("without a mount") {
    arguments = with_server(server, {"archive", "-r", "--class", "GLACIER_IR", "s3://test/d"});
  }
  const Ran ran = run_penstock(arguments);
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "2 objects moved, 8B; 0 there already"));
  for (const char* key : {"d/a", "d/s/b"}) {
    CHECK(server.storage_class("test", key) == "GLACIER_IR");
    CHECK(server.object("test", key) == "text");
    check_described(server, key);
  }
  CHECK(server.storage_class("test", "other") == "STANDARD");
  server.reset_stats();
  CHECK(says(run_penstock(arguments), "0 objects moved, 0B; 2 there already"));
  CHECK(server.stats().requests["CopyObject"] == 0);
}

TEST_CASE("what is in an archive class is read no more, and must be restored to leave it") {
  TestServer server;
  server.put_object("test", "f", "text");
  Mounted mount(server, {.options = {"--metadata-ttl", "0"}});
  CHECK(run_penstock({"archive", "--class", "DEEP_ARCHIVE", mount.path("f")}).status == 0);
  CHECK(server.storage_class("test", "f") == "DEEP_ARCHIVE");
  const std::vector<std::string> back =
      with_server(server, {"archive", "--class", "STANDARD", "s3://test/f"});
  const Ran refused = run_penstock(back);
  CHECK(refused.status == 1);
  CHECK(says(refused, "f: is archived; penstock restore it first"));
  CHECK(run_penstock(with_server(server, {"restore", "s3://test/f"})).status == 0);
  CHECK(run_penstock(back).status == 0);
  CHECK(server.storage_class("test", "f") == "STANDARD");
}

TEST_CASE("a class that is none, and a file that is being written, are refused") {
  TestServer server;
  server.put_object("test", "f", "text");
  Mounted mount(server);
  CHECK(says(run_penstock({"archive", mount.path("f")}), "--class says where to: one of STANDARD"));
  CHECK(says(run_penstock({"archive", "--class", "COLD", mount.path("f")}), "--class says where"));
  const auto set = [&](const std::string& path, const std::string& value) {
    return errno_of([&] {
      return setxattr(path.c_str(), "user.s3.storage_class", value.data(), value.size(), 0);
    });
  };
  CHECK(set(mount.path("f"), "cold stuff") == EINVAL);
  CHECK(set(mount.path("f"), "STANDARD_IA") == 0);
  CHECK(server.storage_class("test", "f") == "STANDARD_IA");
  CHECK(set(mount.path("f"), "STANDARD") == 0);
  CHECK(server.storage_class("test", "f") == "STANDARD");
}

TEST_CASE("tier shows objects and bytes of each class") {
  TestServer server;
  server.put_synthetic("test", "d/a", 3 * mib);
  for (const char* key : {"d/b", "d/s/c", "d/e", "d/f"}) server.put_object("test", key, "text");
  server.set_storage_class("test", "d/b", "GLACIER");
  server.set_storage_class("test", "d/s/c", "GLACIER");
  server.set_storage_class("test", "d/e", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  server.set_storage_class("test", "d/f", "INTELLIGENT_TIERING");
  server.put_object("test", "other", "text");
  REQUIRE(run_penstock(with_server(server, {"restore", "s3://test/d/b"})).status == 0);
  Mounted mount(server);
  const Ran shown = run_penstock(with_server(server, {"tier", "--json", "s3://test/d"}));
  CHECK(shown.status == 0);
  CHECK(
      shown.output ==
      R"([{"class": "ARCHIVE_ACCESS", "objects": 1, "bytes": 4, "restored": 0, "being_restored": 0}, )"
      R"({"class": "GLACIER", "objects": 2, "bytes": 8, "restored": 1, "being_restored": 0}, )"
      R"({"class": "INTELLIGENT_TIERING", "objects": 1, "bytes": 4, "restored": 0, "being_restored": 0}, )"
      R"({"class": "STANDARD", "objects": 1, "bytes": 3145728, "restored": 0, "being_restored": 0}])"
      "\n");
  CHECK(run_penstock({"tier", "--json", mount.path("d")}).output == shown.output);
  CHECK(says(run_penstock({"tier", mount.path("d")}),
             "STANDARD                        1               3.0MiB\n"));
  CHECK(server.stats().requests["GetObject"] == 0);
}

}  // namespace
}  // namespace penstock::test
