// SPDX-License-Identifier: Apache-2.0
// Listings of directories with implicit folders, over several pages, beside other programs.
#include <sys/stat.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

std::string number(int n) { return std::to_string(10'000 + n).substr(1); }

/// The lines that a program prints which must end by itself.
size_t lines_of(const std::vector<std::string>& command, const fs::path& folder) {
  const fs::path output = folder / "output";
  fs::remove(output);
  const pid_t pid = spawn(command, {}, output.string());
  REQUIRE(wait_for_exit(pid, 60) == 0);
  const std::string text = read_file(output);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("folders of which half are implicit are listed, also on a plain directory") {
  TempFolder store;
  TempFolder output;
  for (int n = 0; n < 560; ++n) {
    const std::string name = "b/k" + number(n);
    fs::create_directories(store.path() / name);
    write_file(store.path() / name / "in", "x");
    write_file(store.path() / (name + "-x"), "x");
  }
  Mounted mount(store.path());
  for (int round = 0; round < 2; ++round) {
    CHECK(lines_of({"/bin/ls", mount.path("b").string()}, output.path()) == 1120);
    CHECK(lines_of({"/usr/bin/find", mount.path("b").string()}, output.path()) == 1 + 1120 + 560);
  }
}

TEST_CASE("names stay while another program asks for some beside a slow listing") {
  TestServer server;
  constexpr int names = 3500;
  for (int i = 0; i < names; ++i) server.put_object("test", "d/n" + number(i), "x");
  ServerOptions slow;
  slow.list_latency = std::chrono::milliseconds(100);
  server.set_timing(slow);
  Mounted mount(server);
  std::atomic<bool> stop = false;
  std::thread looker([&] {
    struct stat status {};
    for (int i = 0; !stop; i = (i + 37) % names) {
      stat(mount.path("d/n" + number(i)).c_str(), &status);
      stat(mount.path("d/absent" + number(i)).c_str(), &status);
    }
  });
  size_t fewest = names;
  for (int round = 0; round < 5; ++round) {
    std::set<std::string> seen;
    for (const fs::directory_entry& entry : fs::directory_iterator(mount.path("d")))
      seen.insert(entry.path().filename());
    fewest = std::min(fewest, seen.size());
  }
  stop = true;
  looker.join();
  CHECK(fewest == names);
}

TEST_CASE("names that stay are listed once each while others come and go in a large directory") {
  TestServer server;
  constexpr int names = 12'000;
  for (int i = 0; i < names; ++i)
    server.put_object("test", "d/n" + std::to_string(100'000 + i), "x");
  ServerOptions slow;
  slow.list_latency = std::chrono::milliseconds(20);
  server.set_timing(slow);
  Mounted mount(server);
  Mounted other(server);
  std::atomic<bool> stop = false;
  // Programs on this node and on another one.
  const auto come_and_go = [&](const Mounted& where, const std::string& end) {
    for (int i = 0; !stop; i = (i + 4007) % names) {
      const fs::path path = where.path("d/n" + std::to_string(100'000 + i) + end);
      write_file(path, "y");
      fs::remove(path);
    }
  };
  std::thread here([&] { come_and_go(mount, "-here"); });
  std::thread there([&] { come_and_go(other, "-there"); });
  int missing = 0;
  int twice = 0;
  for (int round = 0; round < 6; ++round) {
    std::map<std::string, int> seen;
    for (const fs::directory_entry& entry : fs::directory_iterator(mount.path("d")))
      twice += ++seen[entry.path().filename()] == 2 ? 1 : 0;
    for (int i = 0; i < names; ++i)
      missing += seen.contains("n" + std::to_string(100'000 + i)) ? 0 : 1;
  }
  stop = true;
  here.join();
  there.join();
  CHECK(missing == 0);
  CHECK(twice == 0);
}

}  // namespace
}  // namespace penstock::test
