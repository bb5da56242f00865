// SPDX-License-Identifier: Apache-2.0
// What the owner of a bucket asks of who uses it, by a whole mount: the server denies what does not
// come as its policy demands.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "mount/mounted_bucket.h"
#include "server/raw_client.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

/// Each way in which a mount stores, copies, changes and removes objects.
void use_everything(const Mounted& mount) {
  const std::string large = random_bytes(20 * mib, 1);
  write_file(mount.path("small"), "bytes");
  write_file(mount.path("large"), large);
  std::filesystem::create_directories(mount.path("d/e"));
  write_file(mount.path("d/e/f"), "below");
  std::filesystem::create_symlink("renamed", mount.path("link"));
  std::filesystem::rename(mount.path("small"), mount.path("renamed"));
  std::filesystem::rename(mount.path("d"), mount.path("moved"));
  std::filesystem::permissions(mount.path("renamed"), std::filesystem::perms::owner_all);
  const int fd = open(mount.path("large").c_str(), O_RDWR | O_APPEND);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "end", 3) == 3);
  REQUIRE(close(fd) == 0);
  CHECK(read_file(mount.path("renamed")) == "bytes");
  CHECK(read_file(mount.path("link")) == "bytes");
  CHECK(read_file(mount.path("large")) == large + "end");
  CHECK(read_file(mount.path("moved/e/f")) == "below");
  CHECK(std::filesystem::remove(mount.path("link")));
  CHECK(std::filesystem::remove_all(mount.path("moved")) == 3);
}

/// The errno of making a file.
int cannot_write(const Mounted& mount) {
  try {
    write_file(mount.path("denied"), "bytes");
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST_CASE("a mount stores in a bucket whose policy demands headers of all that is stored") {
  const TestServer server({.required_of_writes = {{"x-amz-server-side-encryption", "aws:kms"},
                                                  {"x-amz-acl", "bucket-owner-full-control"}}});
  {
    const Mounted without(server);
    CHECK(cannot_write(without) == EACCES);
  }
  const Mounted mount(server, {.options = {"--sse=aws:kms", "--sse-kms-key-id=alias/train",
                                           "--sse-bucket-key", "--acl=bucket-owner-full-control"}});
  use_everything(mount);
}

TEST_CASE("a mount uses a bucket whose readers pay, and is refused one of another account") {
  const TestServer server({.owner = "444455556666", .requester_pays = true});
  const std::string owner = "--expected-bucket-owner=";
  CHECK_THROWS_WITH(Mounted(server, {.options = {owner + "444455556666"}}),
                    Catch::Contains("AccessDenied") || Catch::Contains("Access Denied"));
  CHECK_THROWS_WITH(Mounted(server, {.options = {"--requester-pays", owner + "111122223333"}}),
                    Catch::Contains("as --expected-bucket-owner says"));
  const Mounted mount(server, {.options = {"--requester-pays", owner + "444455556666"}});
  use_everything(mount);
}

TEST_CASE("a mount with a key of its own stores what nobody reads without it") {
  const TestServer server;
  const TempFolder folder;
  const std::filesystem::path key = folder.path() / "key";
  std::ofstream(key) << std::string(32, 'k');
  std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  const Mounted mount(server, {.options = {"--sse-c-key-file=" + key.string()}});
  use_everything(mount);
  const Mounted without(server);
  CHECK_THROWS_AS(read_file(without.path("renamed")), std::system_error);
}

/// What a HEAD says of the object; tags by name.
struct Facts {
  std::string storage_class;
  std::string tags;
};

Facts facts(const TestServer& server, const std::string& key) {
  RawClient client(server.port());
  RawReply head = client.send({.method = "HEAD", .path = "/test/" + key});
  CAPTURE(key);
  REQUIRE(head.status == 200);
  return {.storage_class = head.headers["x-amz-storage-class"],
          .tags = client.send({.path = "/test/" + key, .query = {{"tagging", ""}}}).body};
}

TEST_CASE("what a mount stores has the tags that it is told to give, beside those of others") {
  const TestServer server;
  const Mounted mount(server, {.options = {"--tags=team=a&stage=raw"}});
  use_everything(mount);
  for (const char* key : {"renamed", "large"}) {
    const std::string tags = facts(server, key).tags;
    CAPTURE(key, tags);
    CHECK(tags.find("<Key>team</Key><Value>a</Value>") != std::string::npos);
    CHECK(tags.find("<Key>stage</Key><Value>raw</Value>") != std::string::npos);
  }
}

TEST_CASE("new files get the storage class of their names, and keep what others have chosen") {
  const TestServer server;
  RawClient client(server.port());
  const auto theirs = client.send({.method = "PUT",
                                   .path = "/test/theirs.ckpt",
                                   .headers = {{"x-amz-storage-class", "GLACIER_IR"}}},
                                  "bytes");
  REQUIRE(theirs.status == 200);
  const Mounted mount(server,
                      {.options = {"--storage-class=*.ckpt=STANDARD_IA;logs/*=ONEZONE_IA"}});
  std::filesystem::create_directories(mount.path("logs/a"));
  write_file(mount.path("small.ckpt"), "bytes");
  write_file(mount.path("large.ckpt"), random_bytes(20 * mib, 2));  // in parts
  write_file(mount.path("logs/a/b"), "bytes");
  write_file(mount.path("plain"), "bytes");
  write_file(mount.path("tmp"), "bytes");
  std::filesystem::rename(mount.path("tmp"), mount.path("published.ckpt"));
  std::filesystem::rename(mount.path("small.ckpt"), mount.path("small.old"));
  const int fd = open(mount.path("theirs.ckpt").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "more", 4) == 4);
  REQUIRE(close(fd) == 0);
  const auto class_of = [&](const char* key) { return facts(server, key).storage_class; };
  CHECK(class_of("large.ckpt") == "STANDARD_IA");
  CHECK(class_of("published.ckpt") == "STANDARD_IA");
  CHECK(class_of("small.old") == "STANDARD_IA");
  CHECK(class_of("logs/a/b") == "ONEZONE_IA");
  CHECK(class_of("theirs.ckpt") == "GLACIER_IR");
  CHECK(class_of("plain").empty());
  CHECK(class_of("logs/a/").empty());
}

TEST_CASE("a mount is refused rules of storage classes that mean nothing") {
  const TestServer server;
  CHECK_THROWS_WITH(Mounted(server, {.options = {"--storage-class=*.ckpt="}}),
                    Catch::Contains("PATTERN=CLASS"));
  CHECK_THROWS_WITH(Mounted(server, {.options = {"--storage-class=DEEP_ARCHIVE"}}),
                    Catch::Contains("penstock archive"));
}

}  // namespace
}  // namespace penstock::test
