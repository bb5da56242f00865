// SPDX-License-Identifier: Apache-2.0
// Epochs: the rest of a tree is fetched into the cache while its first files are read.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <numeric>
#include <random>
#include <system_error>
#include <thread>

#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr size_t files = 300;
constexpr size_t classes = 10;
constexpr uint64_t file_size = 100'000;
constexpr size_t readers = 8;

std::string key_of(size_t i) { return fmt::format("train/n{}/{:04}", i % classes, i); }

/// A server that is slow enough for something to be ahead of.
ServerOptions far_away() {
  ServerOptions options;
  options.first_byte = milliseconds(30);
  options.object_age = std::chrono::hours(24);
  return options;
}

void put_tree(TestServer& server) {
  for (size_t i = 0; i < files; ++i) server.put_synthetic("test", key_of(i), file_size);
}

/// As a program does that makes a data set of a folder.
void list_tree(const Mounted& mount) {
  size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(mount.path("train")))
    seen += entry.is_regular_file() ? 1 : 0;
  REQUIRE(seen == files);
}

/// Has `read` read every file once, shuffled, with several threads.
template <typename Read>
void read_epoch(Read read) {
  std::vector<size_t> order(files);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(7));
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (size_t reader = 0; reader < readers; ++reader) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < files; i = next++) read(order[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Reads an epoch and returns how many files had other bytes than they should.
size_t count_wrong(const Mounted& mount) {
  std::atomic<size_t> wrong = 0;
  read_epoch([&](size_t i) {
    if (read_file(mount.path(key_of(i))) != synthetic_bytes(key_of(i), 0, file_size)) ++wrong;
  });
  return wrong;
}

/// Of a file that others replace all the time, also between the open and the read.
std::string read_present(const fs::path& path) {
  while (true) {
    try {
      return read_file(path);
    } catch (const std::system_error& error) {
      if (error.code().value() != ESTALE) throw;
    }
  }
}

TEST_CASE("a shuffled epoch is fetched ahead of its readers, and each file once") {
  TestServer server(far_away());
  put_tree(server);
  Mounted mount(server);
  list_tree(mount);
  server.reset_stats();
  CHECK(count_wrong(mount) == 0);
  const std::optional<uint64_t> ahead = metric(mount, "penstock_prefetched_files_total");
  const std::optional<uint64_t> used = metric(mount, "penstock_prefetched_files_read_total");
  REQUIRE((ahead && used));
  CHECK(*ahead > 30);
  CHECK(*used > 30);
  CHECK(*used <= *ahead);
  CHECK(metric(mount, "penstock_prefetched_bytes_total") == *ahead * file_size);
  // A few that were opened while they were being written to the disk may be fetched again.
  CHECK(requests(server, "GetObject") <= files + files / 10);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("with --prefetch-epoch=off nothing is fetched that is not read") {
  TestServer server(far_away());
  put_tree(server);
  Mounted mount(server, {.options = {"--prefetch-epoch", "off"}});
  list_tree(mount);
  server.reset_stats();
  for (size_t i = 0; i < files / 2; ++i)
    CHECK(read_file(mount.path(key_of(i))) == synthetic_bytes(key_of(i), 0, file_size));
  CHECK(requests(server, "GetObject") == files / 2);
  CHECK(metric(mount, "penstock_prefetched_files_total") == std::nullopt);
}

TEST_CASE("what another client overwrites while an epoch is fetched is read new") {
  TestServer server(far_away());
  put_tree(server);
  // Each open asks: what was there before it is read.
  Mounted mount(server, {.options = {"--freshness", "close-to-open", "--prefetch-epoch", "on"}});
  list_tree(mount);
  // In order of writing; what a reader sees must be no older than what was there at its open.
  std::vector<std::atomic<uint64_t>> versions(files);
  const auto bytes_of = [](size_t i, uint64_t version) {
    return fmt::format("{} in version {}", key_of(i), version);
  };
  std::atomic<bool> done = false;
  std::thread writer([&] {
    std::mt19937 random(3);
    while (!done) {
      const size_t i = random() % files;
      server.put_object("test", key_of(i), bytes_of(i, versions[i] + 1));
      ++versions[i];
      std::this_thread::sleep_for(milliseconds(2));
    }
  });
  std::atomic<size_t> old = 0;
  read_epoch([&](size_t i) {
    const uint64_t least = versions[i];
    const std::string bytes = read_present(mount.path(key_of(i)));
    bool right = least == 0 && bytes == synthetic_bytes(key_of(i), 0, file_size);
    // The writer may have put one more than it has counted.
    for (uint64_t version = std::max<uint64_t>(least, 1); version <= versions[i] + 1; ++version)
      right = right || bytes == bytes_of(i, version);
    if (!right) ++old;
  });
  done = true;
  writer.join();
  CHECK(old == 0);
  CHECK(metric(mount, "penstock_prefetched_files_total").value_or(0) > 0);
}

TEST_CASE("a file that was fetched ahead and replaced by another node is read new") {
  TestServer server(far_away());
  put_tree(server);
  const bool asks = GENERATE(true, false);
  MountSettings settings{.options = {"--freshness", "close-to-open"}};
  if (!asks) settings.options = {"--freshness", "ttl", "--metadata-ttl", "1s"};
  Mounted mount(server, settings);
  Mounted other(server);
  list_tree(mount);
  server.reset_stats();
  for (size_t i = 0; i < 40; ++i) read_file(mount.path(key_of(i)));
  // All of the tree that those were read of.
  REQUIRE(eventually([&] { return requests(server, "GetObject") >= files; }));
  for (const size_t i : {200, 299}) write_file(other.path(key_of(i)), "new bytes");
  if (!asks) std::this_thread::sleep_for(milliseconds(1500));
  server.reset_stats();
  for (const size_t i : {200, 299}) CHECK(read_file(mount.path(key_of(i))) == "new bytes");
  CHECK(requests(server, "GetObject") == 2);
  for (const size_t i : {201, 298})
    CHECK(read_file(mount.path(key_of(i))) == synthetic_bytes(key_of(i), 0, file_size));
  CHECK(requests(server, "GetObject") == 2);
}

TEST_CASE("an epoch is seen in status, and not when it is over") {
  TestServer server(far_away());
  put_tree(server);
  Mounted mount(server);
  list_tree(mount);
  for (size_t i = 0; i < 40; ++i) read_file(mount.path(key_of(i)));
  const std::string mine =
      " at " + mount.path().string() + "\n  fetching the rest of '/train/' ahead: ";
  CHECK(says(run_penstock({"status"}), mine));
  CHECK(
      says(run_penstock({"status", "--json"}), R"("epoch": {"directory": "/train/", "fetched": )"));
  CHECK(says(run_penstock({"stats", mount.path().string()}), "of whole trees fetched ahead"));
  CHECK(eventually([&] { return !says(run_penstock({"status"}), mine); }, 20));
}

TEST_CASE("an epoch that is larger than the cache keeps its limit") {
  TestServer server(far_away());
  put_tree(server);
  TempFolder cache;
  Mounted mount(server,
                {.options = {"--cache-dir", cache.path().string(), "--cache-size", "8MiB"}});
  list_tree(mount);
  CHECK(count_wrong(mount) == 0);
  CHECK(metric(mount, "penstock_prefetched_files_total").value_or(files) < 100);
  CHECK(metric(mount, "penstock_prefetched_files_total").value_or(0) > 0);
  CHECK(eventually([&] { return metric(mount, "penstock_cache_bytes").value_or(0) <= 8 * mib; }));
}

TEST_CASE("a mount ends at once while an epoch is being fetched") {
  TestServer server(far_away());
  put_tree(server);
  Mounted mount(server);
  list_tree(mount);
  // What the program reads arrives, and of the rest a few.
  server.add_fault({.operation = "GetObject", .kind = "hang", .times = -1, .skip = 40});
  for (size_t i = 0; i < 32; ++i) read_file(mount.path(key_of(i)));
  CHECK(eventually([&] { return metric(mount, "penstock_prefetched_files_total") == 8; }));
  CHECK(metric(mount, "penstock_store_requests_in_flight").value_or(0) > 0);
  CHECK(mount.unmount() == 0);
}

TEST_CASE("a mount that is told to fetch epochs and has no cache says so") {
  TestServer server;
  CHECK_THROWS_WITH(Mounted(server, {.options = {"--prefetch-epoch", "on", "--no-cache"}}),
                    Catch::Matchers::Contains("--prefetch-epoch=on needs a cache"));
}

}  // namespace
}  // namespace penstock::test
