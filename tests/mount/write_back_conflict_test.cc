// SPDX-License-Identifier: Apache-2.0
// --write-back where somebody else's object is under the key, or seems to be.
#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

std::string conflict_of(const TestServer& server, const std::string& key) {
  for (const std::string& name : server.keys("test")) {
    if (name.starts_with(key + ".conflict-")) return name;
  }
  return "";
}

void refuse(TestServer& server, const std::string& key) {
  for (const char* operation : {"PutObject", "CreateMultipartUpload", "CompleteMultipartUpload"}) {
    server.add_fault(
        {.operation = operation, .key = key, .kind = "error:403:AccessDenied", .times = -1});
  }
}

/// A mount after the kill shows these bytes, and they become the only object.
void check_arrives(TestServer& server, const MountSettings& settings, const std::string& bytes) {
  server.clear_faults();
  Mounted again(server, settings);
  CHECK(read_file(again.path("f")) == bytes);
  CHECK(again.unmount() == 0);
  CHECK(server.object("test", "f") == bytes);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
}

TEST_CASE("somebody else's object and what was written here are both kept") {
  const bool existing = GENERATE(false, true);
  const size_t size = GENERATE(as<size_t>(), 500, 20 * mib);
  const bool killed = GENERATE(false, true);
  CAPTURE(existing, size, killed);
  TempFolder disk;
  TestServer server;
  if (existing) server.put_object("test", "f", "before");
  const MountSettings settings{.options = {"--write-back"}, .keep = disk.path()};
  const std::string ours = random_bytes(size, 1);
  auto mount = std::make_unique<Mounted>(server, settings);
  if (existing) CHECK(read_file(mount->path("f")) == "before");
  refuse(server, "f");
  write_file(mount->path("f"), ours);
  if (killed) {
    mount->kill();
    mount = std::make_unique<Mounted>(server, settings);
  }
  server.put_object("test", "f", "theirs");
  server.clear_faults();
  CHECK(eventually([&] { return !conflict_of(server, "f").empty(); }, 40));
  CHECK(mount->unmount() == 0);
  CHECK(server.object("test", "f") == "theirs");
  CHECK(server.keys("test").size() == 2);
  CHECK(server.object("test", conflict_of(server, "f")) == ours);
}

TEST_CASE("the same bytes under the key are no conflict") {
  TestServer server;
  Mounted mount(server, {.options = {"--write-back"}});
  refuse(server, "f");
  write_file(mount.path("f"), "same");
  server.put_object("test", "f", "same");
  server.clear_faults();
  CHECK(mount.unmount() == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
}

TEST_CASE("an upload whose reply is lost is no conflict") {
  const auto [operation, size] = GENERATE(
      table<std::string, size_t>({{"PutObject", 5000}, {"CompleteMultipartUpload", 20 * mib}}));
  CAPTURE(operation);
  TestServer server;
  Mounted mount(server, {.options = {"--write-back"}});
  server.add_fault({.operation = operation, .key = "f", .kind = "lost-reply", .times = 1});
  const std::string bytes = random_bytes(size, 2);
  write_file(mount.path("f"), bytes);
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "f") == bytes);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
  CHECK(server.unfinished_uploads("test") == 0);
}

/// The store makes the object, and the mount dies before it knows.
void kill_after_effect(TestServer& server, Mounted& mount, const std::string& key,
                       const std::string& stored) {
  REQUIRE(eventually([&] { return server.object("test", key) == stored; }, 30));
  mount.kill();
}

/// Requests of this kind have their effect, and nobody learns of it.
void lose_replies(TestServer& server, const std::string& operation) {
  server.add_fault({.operation = operation, .kind = "lost-reply", .times = 1});
  server.add_fault({.operation = operation, .kind = "hang", .times = -1});
}

TEST_CASE("killed when the store had the object already: no conflict") {
  const bool edit = GENERATE(false, true);
  const size_t size = GENERATE(as<size_t>(), 5000, 20 * mib);
  CAPTURE(edit, size);
  TempFolder disk;
  TestServer server;
  std::string bytes = random_bytes(size, 2);
  if (edit) server.put_object("test", "f", bytes);
  const MountSettings settings{.options = {"--write-back"}, .keep = disk.path()};
  {
    Mounted mount(server, settings);
    lose_replies(server, size > 8 * mib ? "CompleteMultipartUpload" : "PutObject");
    if (edit) {
      const int fd = open(mount.path("f").c_str(), O_WRONLY | O_APPEND);
      REQUIRE(write(fd, "tail", 4) == 4);
      REQUIRE(close(fd) == 0);
      bytes += "tail";
    } else {
      write_file(mount.path("f"), bytes);
    }
    kill_after_effect(server, mount, "f", bytes);
  }
  check_arrives(server, settings, bytes);
}

TEST_CASE("killed when the store had an earlier promise of ours already: no conflict") {
  const bool again_before = GENERATE(false, true);
  CAPTURE(again_before);
  TempFolder disk;
  TestServer server;
  const MountSettings settings{.options = {"--write-back"}, .keep = disk.path()};
  std::string bytes = random_bytes(5000, 2);
  {
    Mounted mount(server, settings);
    lose_replies(server, "PutObject");
    const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
    REQUIRE(write(fd, bytes.data(), bytes.size()) == 5000);
    REQUIRE(fsync(fd) == 0);
    REQUIRE(eventually([&] { return server.object("test", "f") == bytes; }));
    REQUIRE(write(fd, "more", 4) == 4);
    REQUIRE(fsync(fd) == 0);
    bytes += "more";
    mount.kill();
    close(fd);
  }
  if (again_before) Mounted(server, settings).kill();
  check_arrives(server, settings, bytes);
}

TEST_CASE("killed when a deletion had reached the store: the file is gone, or whole") {
  const std::string kind = GENERATE("lost-reply", "hang");
  CAPTURE(kind);
  TempFolder disk;
  TestServer server;
  std::string bytes = random_bytes(20 * mib, 2);
  server.put_object("test", "f", bytes);
  const MountSettings settings{.options = {"--write-back"}, .keep = disk.path()};
  {
    Mounted mount(server, settings);
    refuse(server, "f");
    const int fd = open(mount.path("f").c_str(), O_WRONLY | O_APPEND);
    REQUIRE(write(fd, "tail", 4) == 4);
    REQUIRE(close(fd) == 0);
    server.add_fault({.operation = "DeleteObject", .kind = kind, .times = 1});
    server.add_fault({.operation = "DeleteObject", .kind = "hang", .times = -1});
    std::jthread deletes([path = mount.path("f")] { unlink(path.c_str()); });
    REQUIRE(eventually([&] { return server.stats().requests["DeleteObject"] > 0; }));
    if (kind == "lost-reply") {
      REQUIRE(eventually([&] { return !server.object("test", "f").has_value(); }));
    }
    mount.kill();
  }
  server.clear_faults();
  Mounted again(server, settings);
  CHECK_FALSE(std::filesystem::exists(again.path("f")));
  CHECK(again.unmount() == 0);
  CHECK(server.keys("test").empty());
}

TEST_CASE("the object that a pending rewrite replaces is deleted by somebody else") {
  TestServer server;
  server.put_object("test", "f", "before");
  Mounted mount(server, {.options = {"--write-back"}});
  CHECK(read_file(mount.path("f")) == "before");
  refuse(server, "f");
  write_file(mount.path("f"), "ours");
  server.delete_object("test", "f");
  server.clear_faults();
  CHECK(mount.unmount() == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
  CHECK(server.object("test", "f") == "ours");
}

}  // namespace
}  // namespace penstock::test
