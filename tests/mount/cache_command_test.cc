// SPDX-License-Identifier: Apache-2.0
// penstock cache: ls, stats, verify and evict, beside mounts and without.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

/// A cache that has three objects of one bucket, whole.
class FilledCache {
 public:
  FilledCache() {
    server.put_synthetic("test", "a/one", 1 * mib);
    server.put_synthetic("test", "a/two", 100'000);
    server.put_synthetic("test", "b/three", 3 * mib);
    fill();
  }

  /// All that is in the bucket.
  void fill() const {
    const Ran ran = run_penstock({"warm", "--endpoint-url", server.endpoint(), "--region",
                                  "us-east-1", "--cache-dir", directory(), "s3://test"});
    INFO(ran.output);
    REQUIRE(ran.status == 0);
  }

  std::string directory() const { return folder.path() / "cache"; }
  Ran run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "cache");
    arguments.insert(arguments.end(), {"--cache-dir", directory()});
    return run_penstock(std::move(arguments));
  }
  std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory())) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    return found;
  }

  TestServer server;
  TempFolder folder;
};

TEST_CASE("ls lists what is there, in the order of keys") {
  FilledCache cache;
  for (const char c : std::string("zyxwvutsrq"))
    cache.server.put_object("test", std::string("c/") + c, "x");
  cache.fill();
  const std::string store = "s3://test at " + cache.server.endpoint();
  const Ran ran = cache.run({"ls", "--bytes"});
  CHECK(ran.status == 0);
  std::istringstream lines(ran.output);
  std::vector<std::string> keys;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::istringstream words(line);
    uint64_t size = 0;
    uint64_t present = 0;
    REQUIRE(words >> size >> present);
    CHECK(size == present);
    CHECK(line.find(" " + store + " ") != std::string::npos);
    keys.push_back(line.substr(line.rfind(' ') + 1) + " " + std::to_string(size));
  }
  REQUIRE(keys.size() == 13);
  CHECK(keys[0] == "a/one 1048576");
  CHECK(keys[2] == "b/three 3145728");
  CHECK(std::ranges::is_sorted(keys));
  CHECK(says(cache.run({"ls"}), " 1.0MiB "));
  const Ran some = cache.run({"ls", "--json", "--store", "s3://test/a"});
  CHECK(says(some, "{\"store\": \"" + store + "\", \"key\": \"a/one\", \"etag\": \""));
  CHECK(says(some, "\"size\": 100000, \"present\": 100000, \"complete\": true, "));
  CHECK_FALSE(says(some, "three"));
  CHECK(cache.run({"ls", "--store", "s3://tes"}).output.empty());
}

TEST_CASE("stats adds up") {
  const FilledCache cache;
  const Ran ran = cache.run({"stats"});
  CHECK(ran.status == 0);
  CHECK(says(ran, "s3://test at " + cache.server.endpoint() +
                      ": 3 complete, 0 partial, 4.1MiB of objects, "));
  CHECK(says(ran, "in all: 3 complete, 0 partial, 4.1MiB of objects, "));
  CHECK(says(cache.run({"stats", "--cache-size", "7GiB"}), "limit: 7.0GiB "));
  const Ran json = cache.run({"stats", "--json"});
  CHECK(says(json, "\"all\": {\"complete\": 3, \"partial\": 0, \"present\": 4294304, \"disk\": "));
}

TEST_CASE("verify finds damage, drops it, and finds nothing the next time") {
  const FilledCache cache;
  const Ran good = cache.run({"verify"});
  CHECK(good.status == 0);
  CHECK(says(good, "checked 3 objects, 4.1MiB"));
  for (const fs::path& path : cache.files(".data")) {
    if (fs::file_size(path) != 3 * mib) continue;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (const std::streamoff at : {5, 2'000'000}) {
      file.seekg(at);
      const auto byte = static_cast<char>(file.get() ^ 1);
      file.seekp(at);
      file.put(byte);
    }
  }
  const Ran bad = cache.run({"verify"});
  INFO(bad.output);
  CHECK(bad.status == 1);
  CHECK(says(bad, "damage was found: 2 chunks dropped, 0 files"));
  CHECK(cache.run({"verify"}).status == 0);
  CHECK(says(cache.run({"stats"}), "in all: 2 complete, 1 partial"));
  for (const fs::path& path : cache.files(".map")) fs::resize_file(path, 10);
  const Ran broken = cache.run({"verify"});
  CHECK(broken.status == 1);
  CHECK(says(broken, "0 chunks dropped, 3 files"));
  CHECK(cache.files(".data").empty());
}

TEST_CASE("evict removes what it was asked to") {
  const FilledCache cache;
  const Ran nothing = cache.run({"evict"});
  CHECK(nothing.status == 1);
  CHECK(says(nothing, "Give --to SIZE"));
  CHECK(cache.run({"evict", "--all", "--to", "1M"}).status == 1);
  CHECK(cache.run({"evict", "--to", "much"}).status == 1);
  CHECK(cache.files(".data").size() == 3);
  SECTION("by prefix") {
    const Ran ran = cache.run({"evict", "--store", "s3://test/a/"});
    CHECK(ran.status == 0);
    CHECK(says(ran, "removed 2 objects, "));
    CHECK(says(cache.run({"ls"}), "b/three"));
  }
  SECTION("by size") {
    CHECK(says(cache.run({"evict", "--to", "10M"}), "removed 0 objects"));
    CHECK(cache.run({"evict", "--to", "3500K"}).status == 0);
    CHECK(cache.files(".data").size() < 3);
  }
  SECTION("everything") {
    CHECK(says(cache.run({"evict", "--all"}), "removed 3 objects, "));
    CHECK(cache.files(".data").empty());
    CHECK(cache.run({"ls"}).output.empty());
  }
}

TEST_CASE("evicting beside a mount leaves what is open") {
  FilledCache cache;
  Mounted mount(cache.server, {.options = {"--cache-dir", cache.directory()}});
  const int fd = open(mount.path("b/three").c_str(), O_RDONLY);
  REQUIRE(fd >= 0);
  const bool all = GENERATE(true, false);
  const Ran ran =
      all ? cache.run({"evict", "--all"}) : cache.run({"evict", "--store", "s3://test"});
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "removed 2 objects, "));
  CHECK(says(ran, "1 object in use"));
  cache.server.reset_stats();
  std::string bytes(3 * mib, '\0');
  CHECK(pread(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  CHECK(bytes == synthetic_bytes("b/three", 0, 3 * mib));
  CHECK(cache.server.stats().requests["GetObject"] == 0);
  close(fd);
  CHECK(read_file(mount.path("a/one")) == synthetic_bytes("a/one", 0, 1 * mib));
}

TEST_CASE("what is no cache is said to be none") {
  TempFolder folder;
  const Ran absent = run_penstock({"cache", "ls", "--cache-dir", folder.path() / "none"});
  CHECK(absent.status == 1);
  CHECK(says(absent, "none does not exist"));
  CHECK_FALSE(fs::exists(folder.path() / "none"));
  const Ran other = run_penstock({"cache", "stats", "--cache-dir", folder.path()});
  CHECK(other.status == 1);
  CHECK(says(other, "is no cache of Penstock's"));
  CHECK(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace penstock::test
