// SPDX-License-Identifier: Apache-2.0
// Files too large to be fetched whole, hinted and fetched in ranges before they are read.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "mount/hint_file.h"
#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

std::string names_of(size_t files) {
  std::string text;
  for (size_t i = 0; i < files; ++i) text += fmt::format("shards/{}.tar\n", i);
  return text;
}
bool reads_right(const Mounted& mount, const std::string& key, uint64_t size) {
  return read_file(mount.path(key)) == synthetic_bytes(key, 0, size);
}

TEST_CASE("a large hinted file is there before it is read, and is fetched once, in ranges") {
  TestServer server;
  constexpr uint64_t size = 64 * mib;
  server.put_synthetic("test", "shards/0.tar", size);
  server.put_synthetic("test", "shards/1.tar", size);
  Mounted mount(server);
  const HintFile hints(mount);
  CHECK(hints.write(names_of(2)) == 0);
  REQUIRE(eventually([&] { return hinted_files(mount) == 2; }, 60));
  CHECK(hint_metric(mount, "penstock_hinted_bytes_total") == 2 * size);
  CHECK(hint_metric(mount, "penstock_hinted_unread_bytes") >= 2 * size);
  const uint64_t made = requests(server, "GetObject");
  CHECK(made >= 16);
  CHECK(reads_right(mount, "shards/0.tar", size));
  CHECK(reads_right(mount, "shards/1.tar", size));
  CHECK(requests(server, "GetObject") == made);
  CHECK(ignored_hints(mount) == 0);
  CHECK(eventually([&] {
    return hint_metric(mount, "penstock_hinted_unread_bytes") == 0 &&
           hint_metric(mount, "penstock_hints_waiting") == 0;
  }));
}

TEST_CASE("of a large hinted file that others change while it is fetched programs see what is") {
  const std::string change = GENERATE("overwritten", "shrunk", "grown", "deleted");
  INFO(change);
  TestServer server;
  constexpr uint64_t size = 24 * mib;
  server.put_synthetic("test", "a", size);
  server.put_synthetic("test", "b", size);
  // What hangs is asked for again, and then finds what has become of the object.
  Mounted mount(server, {.options = {"--freshness", "close-to-open", "--response-timeout", "1s"}});
  server.add_fault({.operation = "GetObject", .key = "a", .kind = "hang", .times = -1, .skip = 1});
  const HintFile hints(mount);
  CHECK(hints.write("a\nb\n") == 0);
  REQUIRE(eventually([&] { return server.stats().faults["hang"] > 0; }, 30));
  const int before = open(mount.path("a").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(before >= 0);
  const uint64_t now = change == "shrunk" ? size / 3 + 5 : change == "grown" ? 2 * size : size;
  const std::string bytes = random_bytes(now, 11);
  if (change == "deleted") server.delete_object("test", "a");
  if (change != "deleted") server.put_object("test", "a", bytes);
  server.clear_faults();
  // The version that was opened, or an error; never bytes of another.
  for (uint64_t at = 0; at < size; at += mib) {
    std::string part(mib, '\0');
    const ssize_t got = pread(before, part.data(), part.size(), static_cast<off_t>(at));
    const auto length = static_cast<size_t>(std::max<ssize_t>(got, 0));
    const bool right = got < 0 || part.substr(0, length) == synthetic_bytes("a", at, length);
    CHECK(right);
  }
  close(before);
  if (change == "deleted") {
    CHECK(errno_of([&] { return open(mount.path("a").c_str(), O_RDONLY | O_CLOEXEC); }) == ENOENT);
  } else {
    const bool same = read_file(mount.path("a")) == bytes;
    CHECK(same);
  }
  REQUIRE(eventually([&] { return hinted_files(mount) == 1; }, 60));
  CHECK(eventually([&] { return ignored_hints(mount) == 1; }, 30));
  const uint64_t made = requests(server, "GetObject");
  CHECK(reads_right(mount, "b", size));
  CHECK(requests(server, "GetObject") == made);
}

TEST_CASE("large hinted files take half of the cache until they are read, and it keeps its limit") {
  TestServer server;
  constexpr size_t files = 6;
  constexpr uint64_t size = 16 * mib;
  constexpr uint64_t limit = 80 * mib;
  for (size_t i = 0; i < files; ++i)
    server.put_synthetic("test", fmt::format("shards/{}.tar", i), size);
  server.put_synthetic("test", "huge", limit / 2);
  Mounted mount(server, {.options = {"--cache-size", std::to_string(limit)}});
  const HintFile hints(mount);
  // With its map it is larger than half.
  CHECK(hints.write("huge\n" + names_of(files)) == 0);
  for (size_t i = 0; i < files; ++i) {
    // This one and the next.
    const size_t there = std::min(i + 2, files);
    REQUIRE(eventually([&] { return hinted_files(mount) == there; }, 60));
    CHECK(hint_metric(mount, "penstock_hints_waiting") >= files - there);
    CHECK(hint_metric(mount, "penstock_hinted_unread_bytes") <= limit / 2);
    CHECK(hint_metric(mount, "penstock_cache_bytes") <= limit);
    CHECK(reads_right(mount, fmt::format("shards/{}.tar", i), size));
  }
  CHECK(ignored_hints(mount) == 1);
  CHECK(hint_metric(mount, "penstock_hinted_bytes_total") == files * size);
  CHECK(hint_metric(mount, "penstock_cache_bytes") <= limit);
}

TEST_CASE("an unmount does not wait for what is fetched of large hinted files") {
  TestServer server;
  for (size_t i = 0; i < 3; ++i)
    server.put_synthetic("test", fmt::format("shards/{}.tar", i), 64 * mib);
  server.add_fault({.operation = "GetObject", .kind = "hang", .times = -1});
  // Much longer than the test waits.
  Mounted mount(server, {.options = {"--response-timeout", "10m"}});
  {
    const HintFile hints(mount);
    CHECK(hints.write(names_of(3)) == 0);
    REQUIRE(eventually([&] { return server.stats().faults["hang"] > 1; }, 30));
    CHECK(umount2(mount.path().c_str(), MNT_DETACH) == 0);
  }
  CHECK(mount.terminate(60) == 0);
}

}  // namespace
}  // namespace penstock::test
