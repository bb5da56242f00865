// SPDX-License-Identifier: Apache-2.0
// Objects in archive classes: what a mount shows of them, and what its reads do.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "mount/forked_program.h"
#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

/// The attribute's value; "errno N" where there is none.
std::string attribute(const std::filesystem::path& path, const std::string& name) {
  std::array<char, 200> value{};
  const ssize_t size = getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return "errno " + std::to_string(errno);
  return {value.data(), static_cast<size_t>(size)};
}

int ask_for_restore(const std::filesystem::path& path, const std::string& wish) {
  return errno_of(
      [&] { return setxattr(path.c_str(), "user.s3.restore", wish.data(), wish.size(), 0); });
}

/// What the first read of the file fails with; 0: it succeeds.
int read_error(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  std::array<char, 16> bytes{};
  const int error = errno_of([&] { return read(file, bytes.data(), bytes.size()); });
  close(file);
  return error;
}

/// The log is written behind what it tells of.
bool logs(const Mounted& mount, const std::string& text) {
  return eventually([&] { return mount.log().find(text) != std::string::npos; });
}

bool is_restored(const std::filesystem::path& path) {
  return attribute(path, "user.s3.restore").starts_with("until 20");
}

const std::string no_attribute = "errno " + std::to_string(ENODATA);

TEST_CASE("an archived object is listed, says so, is not fetched, and can be restored and read") {
  TestServer server({.restore_time = std::chrono::milliseconds(400)});
  server.put_synthetic("test", "cold", 3 * mib);
  server.set_storage_class("test", "cold", "GLACIER");
  Mounted mount(server);
  struct stat status {};
  REQUIRE(stat(mount.path("cold").c_str(), &status) == 0);
  CHECK(status.st_size == 3 * mib);
  CHECK(attribute(mount.path("cold"), "user.s3.storage_class") == "GLACIER");
  CHECK(attribute(mount.path("cold"), "user.s3.restore") == no_attribute);
  CHECK(read_error(mount.path("cold")) == ENODATA);
  CHECK(requests(server, "GetObject") == 0);
  CHECK(logs(mount, "the object is archived (GLACIER) and must be restored"));
  CHECK(logs(mount, "'cold'"));

  CHECK(ask_for_restore(mount.path("cold"), "soon") == EINVAL);
  CHECK(ask_for_restore(mount.path("cold"), "2,Slow") == EINVAL);
  CHECK(requests(server, "RestoreObject") == 0);
  REQUIRE(ask_for_restore(mount.path("cold"), "2,Bulk") == 0);
  CHECK(ask_for_restore(mount.path("cold"), "2") == 0);  // under way already
  CHECK(attribute(mount.path("cold"), "user.s3.restore") == "ongoing");
  CHECK(read_error(mount.path("cold")) == EINPROGRESS);
  CHECK(requests(server, "GetObject") == 0);
  REQUIRE(eventually([&] { return is_restored(mount.path("cold")); }));
  CHECK(read_file(mount.path("cold")) == synthetic_bytes("cold", 0, 3 * mib));
}

TEST_CASE("what was restored is archived again when its days are over") {
  TestServer server({.restored_day = std::chrono::milliseconds(600)});
  server.put_object("test", "cold", "frozen");
  server.set_storage_class("test", "cold", "DEEP_ARCHIVE");
  Mounted mount(server);
  CHECK(ask_for_restore(mount.path("cold"), "1,Expedited") == EINVAL);
  REQUIRE(ask_for_restore(mount.path("cold"), "1") == 0);
  const int file = open(mount.path("cold").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  REQUIRE(
      eventually([&] { return attribute(mount.path("cold"), "user.s3.restore") == no_attribute; }));
  // It was opened when it could be read.
  std::array<char, 16> bytes{};
  CHECK(errno_of([&] { return read(file, bytes.data(), bytes.size()); }) == ENODATA);
  close(file);
  REQUIRE(ask_for_restore(mount.path("cold"), "1000") == 0);
  CHECK(read_file(mount.path("cold")) == "frozen");
}

TEST_CASE("an object that Intelligent-Tiering has archived says so, and comes back for good") {
  TestServer server({.restore_time = std::chrono::milliseconds(300)});
  server.put_object("test", "cold", "frozen");
  server.set_storage_class("test", "cold", "INTELLIGENT_TIERING", "DEEP_ARCHIVE_ACCESS");
  server.put_object("test", "warm", "at hand");
  server.set_storage_class("test", "warm", "INTELLIGENT_TIERING");
  Mounted mount(server);
  CHECK(attribute(mount.path("cold"), "user.s3.storage_class") == "INTELLIGENT_TIERING");
  CHECK(attribute(mount.path("cold"), "user.s3.archive_status") == "DEEP_ARCHIVE_ACCESS");
  CHECK(attribute(mount.path("warm"), "user.s3.archive_status") == no_attribute);
  CHECK(read_file(mount.path("warm")) == "at hand");
  CHECK(ask_for_restore(mount.path("warm"), "1") == EINVAL);
  CHECK(read_error(mount.path("cold")) == ENODATA);
  CHECK(logs(mount, "(INTELLIGENT_TIERING, DEEP_ARCHIVE_ACCESS)"));
  REQUIRE(ask_for_restore(mount.path("cold"), "1,Bulk") == 0);
  CHECK(attribute(mount.path("cold"), "user.s3.restore") == "ongoing");
  REQUIRE(eventually(
      [&] { return attribute(mount.path("cold"), "user.s3.archive_status") == no_attribute; }));
  CHECK(read_file(mount.path("cold")) == "frozen");
}

TEST_CASE("--on-archived=restore asks once, at the first read, and fails until it is done") {
  TestServer server({.restore_time = std::chrono::milliseconds(700)});
  server.put_object("test", "cold", "frozen");
  server.set_storage_class("test", "cold", "GLACIER");
  Mounted mount(server, {.options = {"--on-archived=restore", "--restore-days", "3"}});
  struct stat status {};
  REQUIRE(stat(mount.path("cold").c_str(), &status) == 0);
  CHECK(requests(server, "RestoreObject") == 0);
  CHECK(read_error(mount.path("cold")) == EINPROGRESS);
  CHECK(read_error(mount.path("cold")) == EINPROGRESS);
  CHECK(requests(server, "RestoreObject") == 1);
  CHECK(logs(mount, "its restoration was asked for (Standard)"));
  CHECK(logs(mount, "is being restored"));
  REQUIRE(eventually([&] { return is_restored(mount.path("cold")); }));
  CHECK(read_file(mount.path("cold")) == "frozen");
  CHECK(requests(server, "GetObject") == 1);
}

TEST_CASE("--on-archived=wait asks, and the reads wait until the object is there") {
  TestServer server({.restore_time = std::chrono::milliseconds(900)});
  server.put_synthetic("test", "cold", 3 * mib);
  server.set_storage_class("test", "cold", "GLACIER");
  server.put_synthetic("test", "other", 3 * mib);
  Mounted mount(server, {.options = {"--on-archived=wait"}});
  {
    ForkedProgram reader([&] { read_error(mount.path("cold")); });
    REQUIRE(eventually([&] { return requests(server, "RestoreObject") == 1; }));
    // A wait holds up nobody else.
    CHECK(read_file(mount.path("other")) == synthetic_bytes("other", 0, 3 * mib));
    CHECK(read_file(mount.path("cold")) == synthetic_bytes("cold", 0, 3 * mib));
  }
  CHECK(requests(server, "RestoreObject") == 1);
}

void take_note(int) {}

TEST_CASE("a signal ends the wait for a restoration, and the log says what is waited for") {
  TestServer server({.restore_time = std::chrono::hours(5)});
  for (const char* key : {"cold", "tiered"}) server.put_object("test", key, "frozen");
  server.set_storage_class("test", "cold", "GLACIER");
  server.set_storage_class("test", "tiered", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  Mounted mount(server, {.options = {"--on-archived=wait"}});
  for (const char* key : {"cold", "tiered"}) {
    // The program ends with the signal, or handles it.
    const bool handles = key == std::string("tiered");
    ForkedProgram reader([&] {
      std::signal(SIGTERM, handles ? take_note : SIG_DFL);
      read_error(mount.path(key));
    });
    const std::string said = "of '" + std::string(key) + "' wait for its restoration";
    REQUIRE(eventually([&] { return mount.log().find(said) != std::string::npos; }, 30));
    reader.signal(SIGTERM);
    CHECK(reader.end(20) == (handles ? 0 : 128 + SIGTERM));
  }
}

TEST_CASE("the end of a mount does not wait for restorations") {
  TestServer server({.restore_time = std::chrono::hours(5)});
  server.put_object("test", "cold", "frozen");
  server.set_storage_class("test", "cold", "GLACIER");
  Mounted mount(server, {.options = {"--on-archived=wait"}});
  ForkedProgram reader([&] { read_error(mount.path("cold")); });
  REQUIRE(eventually([&] { return requests(server, "RestoreObject") == 1; }));
  CHECK(mount.terminate(20) == 0);
  CHECK(reader.end(20) >= 0);
}

TEST_CASE("what the cache has of an archived object is read all the same") {
  TestServer server;
  server.put_object("test", "cold", "frozen");
  Mounted mount(server, {.options = {"--metadata-ttl", "0", "--no-passthrough"}});
  REQUIRE(run_penstock({"warm", mount.path("cold").string()}).status == 0);
  server.set_storage_class("test", "cold", "GLACIER");
  server.reset_stats();
  CHECK(read_file(mount.path("cold")) == "frozen");
  CHECK(requests(server, "GetObject") == 0);
}

TEST_CASE("warm leaves archived objects alone, through a mount and without one") {
  TestServer server;
  for (const char* key : {"d/cold", "d/tiered", "d/warm", "d/restored"})
    server.put_synthetic("test", key, mib / 2);
  server.set_storage_class("test", "d/cold", "GLACIER");
  server.set_storage_class("test", "d/restored", "GLACIER");
  server.set_storage_class("test", "d/tiered", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  for (const char* mode : {"--on-archived=wait", "--on-archived=restore"}) {
    Mounted mount(server, {.options = {mode}});
    REQUIRE(ask_for_restore(mount.path("d/restored"), "1") == 0);
    server.reset_stats();
    const Ran ran = run_penstock({"warm", "-r", mount.path("d").string()});
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, "archived: " + mount.path("d/cold").string()));
    CHECK(says(ran, "archived: " + mount.path("d/tiered").string()));
    CHECK(says(ran, "fetched 2 files, 1.0MiB"));
    CHECK(says(ran, "2 files are archived and were left alone"));
    CHECK(requests(server, "RestoreObject") == 0);
    CHECK(requests(server, "GetObject") == 2);
  }
  TempFolder cache;
  server.reset_stats();
  const Ran ran = run_penstock({"warm", "--endpoint-url", server.endpoint(), "--cache-dir",
                                cache.path().string(), "s3://test/d"});
  INFO(ran.output);
  CHECK(ran.status == 1);
  CHECK(says(ran, "archived: d/cold"));
  CHECK(says(ran, "archived: d/tiered"));
  CHECK(says(ran, "fetched 2 files, 1.0MiB"));
  CHECK(requests(server, "GetObject") == 2);
}

}  // namespace
}  // namespace penstock::test
