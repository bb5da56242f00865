// SPDX-License-Identifier: Apache-2.0
// What programs write into .penstock/prefetch is fetched in that order, before it is read.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>
#include <string>

#include "mount/hint_file.h"
#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t files = 100;
constexpr uint64_t file_size = 64'000;

std::string key_of(size_t i) { return fmt::format("train/n{}/{:03}", i % 7, i); }

std::vector<size_t> shuffled() {
  std::vector<size_t> order(files);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(5));
  return order;
}

void put_files(TestServer& server) {
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", key_of(i), file_size);
}

bool reads_right(const Mounted& mount, size_t i) {
  return read_file(mount.path(key_of(i))) == synthetic_bytes(key_of(i), 0, file_size);
}

TEST_CASE("hinted files are there before they are read, and are not asked for again") {
  TestServer server;
  put_files(server);
  Mounted mount(server);
  const std::vector<size_t> order = shuffled();
  const HintFile hints(mount);
  std::string text;
  for (const size_t i : order) text += key_of(i) + "\n";
  CHECK(hints.write(text) == 0);
  REQUIRE(eventually([&] { return hinted_files(mount) == files; }, 30));
  CHECK(requests(server, "GetObject") == files);
  for (const size_t i : order) CHECK(reads_right(mount, i));
  CHECK(requests(server, "GetObject") == files);
  CHECK(hint_metric(mount, "penstock_hinted_bytes_total") == files * file_size);
  CHECK(ignored_hints(mount) == 0);
}

TEST_CASE("hinted files are fetched in the order of the hints, and an unmount waits for none") {
  TestServer server;
  put_files(server);
  Mounted mount(server, {.options = {"--max-connections", "2"}});
  const std::vector<size_t> order = shuffled();
  constexpr size_t before = 20;
  server.add_fault(
      {.operation = "GetObject", .key = key_of(order[before]), .kind = "hang", .times = -1});
  const HintFile hints(mount);
  // In pieces that end anywhere.
  for (const size_t i : order) {
    CHECK(hints.write(key_of(i).substr(0, 5)) == 0);
    CHECK(hints.write(key_of(i).substr(5) + '\0') == 0);
  }
  REQUIRE(eventually([&] { return hinted_files(mount) == before; }, 30));
  REQUIRE(eventually([&] { return server.stats().faults["hang"] > 0; }, 30));
  const uint64_t made = requests(server, "GetObject");
  for (size_t i = 0; i < before; ++i) CHECK(reads_right(mount, order[i]));
  CHECK(requests(server, "GetObject") == made);
  CHECK(hinted_files(mount) == before);
  CHECK(umount2(mount.path().c_str(), MNT_DETACH) == 0);
  CHECK(mount.terminate(30) == 0);
}

TEST_CASE("each open of the file of hints has its own order, and all have their turn") {
  TestServer server;
  put_files(server);
  Mounted mount(server, {.options = {"--max-connections", "2"}});
  const HintFile one(mount);
  const HintFile other(mount);
  // Time for both lists to be there, and then one that stands at its last.
  server.add_fault({.operation = "GetObject", .key = key_of(0), .kind = "delay:2000"});
  server.add_fault({.operation = "GetObject", .key = key_of(59), .kind = "hang", .times = -1});
  std::string text;
  for (size_t i = 0; i < 60; ++i) text += key_of(i) + "\n";
  CHECK(one.write(text) == 0);
  text.clear();
  for (size_t i = 60; i < 100; ++i) text += mount.path(key_of(i)).string() + "\n";
  CHECK(other.write(text) == 0);
  // The other one, which began later, has had all of its own by then.
  REQUIRE(eventually([&] { return hinted_files(mount) == 99; }, 30));
  const auto answered = [&] {
    ServerStats stats = server.stats();
    return stats.requests["GetObject"] - stats.faults["hang"];
  };
  const uint64_t made = answered();
  for (size_t i = 0; i < 40; ++i) {
    CHECK(reads_right(mount, i));
    CHECK(reads_right(mount, 60 + i));
  }
  CHECK(answered() == made);
}

TEST_CASE("hints that are no files are counted, and garbage is refused") {
  TestServer server;
  put_files(server);
  server.put_synthetic("test", "empty", 0);
  Mounted mount(server, {.options = {"--max-connections", "8", "--response-timeout", "1s"}});
  const HintFile hints(mount);
  CHECK(hints.write("absent\ntrain\n/etc/passwd\n../x\ntrain/n0/../../..\n\n.\nempty\n") == 0);
  CHECK(hints.write(".penstock/prefetch\n") == 0);
  REQUIRE(eventually([&] { return ignored_hints(mount) == 8; }));
  CHECK(hints.write(std::string(5000, 'x')) == EINVAL);
  CHECK(hints.write(random_bytes(100'000, 3)) >= 0);
  // More than is remembered, while the first ones cannot be fetched.
  server.add_fault({.operation = "GetObject", .kind = "hang", .times = -1});
  std::string text;
  for (size_t i = 0; i < files; ++i) text += key_of(i) + "\n";
  int result = hints.write(text);
  CHECK(result == 0);
  text.clear();
  for (size_t i = 0; i < 2000; ++i) text += "d/" + std::string(250, 'y') + "\n";
  for (size_t i = 0; i < 200 && result == 0; ++i) result = hints.write(text);
  CHECK(result == ENOSPC);
  server.clear_faults();
  CHECK(reads_right(mount, 3));
}

TEST_CASE("the file of hints is in no listing, and cannot be changed") {
  TestServer server;
  put_files(server);
  Mounted mount(server);
  for (const auto& entry : fs::directory_iterator(mount.path()))
    CHECK(entry.path().filename() == "train");
  CHECK(fs::is_empty(mount.path(".penstock")));
  const fs::path file = mount.path(".penstock/prefetch");
  CHECK(fs::is_regular_file(file));
  CHECK(fs::file_size(file) == 0);
  CHECK(errno_of([&] { return unlink(file.c_str()); }) == EPERM);
  CHECK(errno_of([&] { return rename(file.c_str(), mount.path("x").c_str()); }) == EPERM);
  CHECK(errno_of([&] { return rmdir(mount.path(".penstock").c_str()); }) == EPERM);
  CHECK(errno_of([&] { return mkdir(mount.path(".penstock/x").c_str(), 0700); }) == EPERM);
  CHECK(errno_of([&] {
          return open(mount.path(".penstock/x").c_str(), O_CREAT | O_WRONLY, 0600);
        }) == EPERM);
  // As a shell writes it.
  write_file(file, key_of(1) + "\n" + key_of(2));
  CHECK(eventually([&] { return hinted_files(mount) == 2; }));
  Mounted without(server, {.options = {"--no-cache"}});
  CHECK_FALSE(fs::exists(without.path(".penstock/prefetch")));
}

TEST_CASE("of hinted files that others change programs see what is there") {
  TestServer server;
  put_files(server);
  Mounted mount(server, {.options = {"--freshness", "close-to-open"}});
  const HintFile hints(mount);
  std::string text;
  for (size_t i = 0; i < files; ++i) text += key_of(i) + "\n";
  server.add_fault({.operation = "GetObject", .kind = "delay:100", .times = -1});
  CHECK(hints.write(text) == 0);
  for (size_t i = 0; i < files; i += 3) {
    server.put_object("test", key_of(i), "short " + key_of(i));
    if (i + 1 < files) server.delete_object("test", key_of(i + 1));
  }
  server.clear_faults();
  for (size_t i = 0; i < files; ++i) {
    if (i % 3 == 0) CHECK(read_file(mount.path(key_of(i))) == "short " + key_of(i));
    if (i % 3 == 1) CHECK_FALSE(fs::exists(mount.path(key_of(i))));
    if (i % 3 == 2) CHECK(reads_right(mount, i));
  }
}

TEST_CASE("with hints a cache that is full of what was read makes room for what will be") {
  TestServer server;
  put_files(server);
  // Room for half of them.
  const TempFolder folder;
  const MountSettings settings = {.options = {"--cache-size", std::to_string(files / 2 * 69'632)},
                                  .keep = folder.path()};
  const std::vector<size_t> order = shuffled();
  {
    Mounted mount(server, settings);
    for (const size_t i : order) REQUIRE(reads_right(mount, i));
  }
  // The cache has the later half: of the earlier one some are hinted.
  Mounted mount(server, settings);
  const HintFile hints(mount);
  std::string text;
  for (size_t i = 0; i < files / 5; ++i) text += key_of(order[i]) + "\n";
  CHECK(hints.write(text) == 0);
  REQUIRE(eventually([&] { return hinted_files(mount) == files / 5; }, 30));
  const uint64_t made = requests(server, "GetObject");
  for (size_t i = 0; i < files / 5; ++i) CHECK(reads_right(mount, order[i]));
  // What came just when the cache made room for the next ones may not have been kept.
  CHECK(requests(server, "GetObject") <= made + files / 5 / 5);
}

}  // namespace
}  // namespace penstock::test
