// SPDX-License-Identifier: Apache-2.0
// How soon a mount sees what other nodes do, and what it costs not to ask.
#include <sys/stat.h>

#include <thread>

#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

/// What the file holds; empty where it is not there, or is being replaced.
std::string contents(const fs::path& path) {
  try {
    return read_file(path);
  } catch (const std::system_error&) {
    return "";
  }
}

TEST_CASE("a file that another node overwrites all the time is followed within seconds") {
  TestServer server;
  Mounted one(server);
  Mounted two(server);
  for (const char* text : {"one", "longer than one", "2"}) {
    write_file(one.path("latest"), text);
    CHECK(eventually([&] { return contents(two.path("latest")) == text; }, 20));
  }
  fs::remove(one.path("latest"));
  CHECK(eventually([&] { return !fs::exists(two.path("latest")); }, 20));
}

TEST_CASE("what another node puts into a directory of this mount's own is there within seconds") {
  TestServer server;
  Mounted one(server);
  Mounted two(server);
  fs::create_directory(one.path("d"));
  CHECK_FALSE(fs::exists(one.path("d/theirs")));
  CHECK(eventually([&] { return fs::is_directory(two.path("d")); }, 20));
  write_file(two.path("d/theirs"), "x");
  CHECK(eventually([&] { return fs::exists(one.path("d/theirs")); }, 20));
  CHECK(eventually(
      [&] { return fs::directory_iterator(one.path("d")) != fs::directory_iterator(); }, 20));
}

TEST_CASE("data that is days old is not asked for again within the TTL") {
  TestServer server({.object_age = std::chrono::hours(24 * 30)});
  for (int d = 0; d < 5; ++d) {
    for (int f = 0; f < 50; ++f)
      server.put_object("test", "d" + std::to_string(d) + "/f" + std::to_string(f), "some bytes");
  }
  server.put_object("test", "README", "some bytes");  // tells the age of the root's names
  Mounted mount(server, {.options = {"--metadata-ttl", "10m"}});
  const auto epoch = [&] {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(mount.path()))
      if (entry.is_regular_file()) CHECK(read_file(entry.path()) == "some bytes");
  };
  epoch();
  // Longer than young data is believed.
  std::this_thread::sleep_for(std::chrono::seconds(12));
  server.reset_stats();
  epoch();
  CHECK(requests(server, "HeadObject") == 0);
  CHECK(requests(server, "ListObjectsV2") == 0);
}

TEST_CASE("with a TTL for ever what is known is not asked for again") {
  TestServer server;
  server.put_object("test", "f", "young");
  Mounted mount(server, {.options = {"--metadata-ttl", "forever"}});
  struct stat status {};
  REQUIRE(stat(mount.path("f").c_str(), &status) == 0);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  server.reset_stats();
  REQUIRE(stat(mount.path("f").c_str(), &status) == 0);
  CHECK(server.stats().requests.empty());
}

TEST_CASE("with close-to-open an open sees what another node has closed before") {
  TestServer server;
  const MountSettings settings{.options = {"--freshness", "close-to-open"}};
  Mounted one(server, settings);
  Mounted two(server, settings);
  for (int round = 0; round < 20; ++round) {
    const std::string text(static_cast<size_t>(1 + round * 7 % 11), static_cast<char>('a' + round));
    write_file(one.path("f"), text);
    CHECK(contents(two.path("f")) == text);
    const std::string name = "new" + std::to_string(round);
    CHECK_FALSE(fs::exists(two.path(name)));
    write_file(one.path(name), text);
    CHECK(contents(two.path(name)) == text);
    const fs::directory_iterator begin(two.path());
    CHECK(std::distance(begin, fs::directory_iterator()) == 2 + round);
  }
}

TEST_CASE("with close-to-open what is not cached costs its GET alone, and what is a HEAD") {
  TestServer server({.object_age = std::chrono::hours(24 * 30)});
  server.put_object("test", "f", "some bytes");
  Mounted mount(server, {.options = {"--freshness", "close-to-open"}});
  struct stat status {};
  REQUIRE(stat(mount.path("f").c_str(), &status) == 0);
  server.reset_stats();
  CHECK(read_file(mount.path("f")) == "some bytes");
  CHECK(requests(server, "GetObject") == 1);
  CHECK(requests(server, "HeadObject") == 0);
  server.reset_stats();
  CHECK(read_file(mount.path("f")) == "some bytes");
  CHECK(requests(server, "GetObject") == 0);
  CHECK(requests(server, "HeadObject") == 1);
  CHECK(requests(server, "ListObjectsV2") == 0);
}

}  // namespace
}  // namespace penstock::test
