// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

using namespace std::string_literals;

std::string pread_all(int fd, uint64_t offset, size_t length) {
  std::string result(length, '\0');
  size_t got = 0;
  while (got < length) {
    const ssize_t n =
        pread(fd, result.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0) throw std::system_error(errno, std::generic_category(), "pread");
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  result.resize(got);
  return result;
}

/// Closes a descriptor at the end of a test.
struct Fd {
  explicit Fd(const std::filesystem::path& path, int flags = O_RDONLY)
      : number(open(path.c_str(), flags | O_CLOEXEC)) {
    if (number < 0)
      throw std::system_error(errno, std::generic_category(), "open " + path.string());
  }
  ~Fd() {
    if (number >= 0) close(number);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  const int number;
};

TEST_CASE("a large object reads sequentially, byte for byte") {
  TestServer server;
  server.put_synthetic("test", "big", 100 * mib + 12345);
  Mounted mount(server);
  const Fd file(mount.path("big"));
  for (uint64_t at = 0; at < 100 * mib + 12345; at += mib) {
    const size_t length = std::min<uint64_t>(mib, 100 * mib + 12345 - at);
    REQUIRE(pread_all(file.number, at, length) == synthetic_bytes("big", at, length));
  }
  CHECK(pread_all(file.number, 100 * mib + 12345, 10).empty());
  // Nothing is fetched twice.
  CHECK(server.stats().bytes_out < 104 * mib);
}

TEST_CASE("interleaved streams, random reads and shared descriptors read right") {
  TestServer server;
  server.put_synthetic("test", "big", 256 * mib);
  Mounted mount(server);
  const Fd file(mount.path("big"));
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 32; ++i) {
        const uint64_t at = static_cast<uint64_t>(t) * 64 * mib + i * mib;
        if (pread_all(file.number, at, mib) != synthetic_bytes("big", at, mib)) ++wrong;
      }
    });
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      for (int i = 0; i < 100; ++i) {
        const uint64_t at = random() % (256 * mib - 70000);
        const size_t length = 1 + random() % 70000;
        if (pread_all(file.number, at, length) != synthetic_bytes("big", at, length)) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("random small reads fetch little more than they read") {
  TestServer server;
  server.put_synthetic("test", "big", 1024 * mib);
  Mounted mount(server);
  const Fd file(mount.path("big"));
  server.reset_stats();
  std::mt19937_64 random(7);
  constexpr int reads = 200;
  for (int i = 0; i < reads; ++i) {
    const uint64_t at = (1 + random() % 262'000) * 4096;
    REQUIRE(pread_all(file.number, at, 4096) == synthetic_bytes("big", at, 4096));
  }
  CHECK(server.stats().bytes_out <= 32ULL * 4096 * reads);
}

TEST_CASE("mmap reads right, in order and scattered") {
  TestServer server;
  server.put_synthetic("test", "big", 64 * mib);
  Mounted mount(server);
  const Fd file(mount.path("big"));
  void* memory = mmap(nullptr, 64 * mib, PROT_READ, MAP_SHARED, file.number, 0);
  REQUIRE(memory != MAP_FAILED);
  const char* bytes = static_cast<const char*>(memory);
  for (uint64_t at = 0; at < 64 * mib; at += 4 * mib) {
    REQUIRE(std::string(bytes + at, 64) == synthetic_bytes("big", at, 64));
  }
  CHECK(std::string(bytes, 16 * mib) == synthetic_bytes("big", 0, 16 * mib));
  munmap(memory, 64 * mib);
}

/// A file of tensors as loaders read it: mapped, and copied tensor by tensor, by several threads.
struct MappedTensors {
  static constexpr uint64_t length = 6 * mib + 852 * kib;
  explicit MappedTensors(const std::filesystem::path& path, uint64_t count)
      : file(path),
        size(count * length),
        memory(mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number, 0)) {
    REQUIRE(memory != MAP_FAILED);
  }
  ~MappedTensors() { munmap(memory, size); }
  MappedTensors(const MappedTensors&) = delete;
  MappedTensors& operator=(const MappedTensors&) = delete;

  std::string copy(uint64_t index) const {
    return {static_cast<const char*>(memory) + index * length, length};
  }

  const Fd file;
  const uint64_t size;
  void* const memory;
};

TEST_CASE("tensors copied out of a mapping are right and fetched once, in any order") {
  constexpr uint64_t count = 24;
  TestServer server;
  server.put_synthetic("test", "model", count * MappedTensors::length);
  const bool cached = GENERATE(false, true);
  Mounted mount(server,
                {.options = cached ? std::vector<std::string>{} : std::vector{"--no-cache"s}});
  const MappedTensors tensors(mount.path("model"), count);
  std::vector<uint64_t> order(count);
  for (uint64_t i = 0; i < count; ++i) order[i] = i;
  if (GENERATE(false, true)) std::shuffle(order.begin(), order.end(), std::mt19937_64(5));
  std::atomic<size_t> next = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < count; i = next++) {
        const uint64_t at = order[i] * MappedTensors::length;
        if (tensors.copy(order[i]) != synthetic_bytes("model", at, MappedTensors::length)) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  CHECK(server.stats().bytes_out < tensors.size / 4 * 5);
}

TEST_CASE("an object that is replaced while its tensors are read gives no byte of the new one") {
  constexpr uint64_t count = 36;
  const uint64_t size = count * MappedTensors::length;
  TestServer server;
  server.put_object("test", "model", std::string(size, 'o'));
  Mounted mount(server, {.options = {"--metadata-ttl", "0", "--no-cache"}});
  const Fd file(mount.path("model"));
  const auto read_tensors = [&](uint64_t from, uint64_t to) {
    std::string all;
    for (uint64_t i = from; i < to; ++i) {
      // The end first, as a copy out of a mapping does; by read(), which can fail.
      const uint64_t at = i * 5 % count * MappedTensors::length;
      const auto [part, rest] = std::pair(2 * mib, MappedTensors::length - 2 * mib);
      try {
        all += pread_all(file.number, at + rest, part) + pread_all(file.number, at, rest);
      } catch (const std::system_error& caught) {
        CHECK(caught.code().value() == ESTALE);
      }
    }
    return all;
  };
  CHECK(read_tensors(0, 8) == std::string(8 * MappedTensors::length, 'o'));
  server.put_object("test", "model", std::string(size, 'n'));
  const std::string later = read_tensors(8, count);
  CHECK(later.find('n') == std::string::npos);
  // Some of the old version was there already, not all of it.
  CHECK(later.size() < (count - 8) * MappedTensors::length);
}

TEST_CASE("a small file costs one GET, and nothing that the listing has answered") {
  TestServer server({.object_age = std::chrono::hours(24 * 30)});  // as data that is read
  for (int i = 0; i < 50; ++i) {
    server.put_object("test", "d/" + std::to_string(i),
                      random_bytes(100'000, static_cast<uint32_t>(i)));
  }
  Mounted mount(server);
  size_t names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(mount.path("d")))
    names += entry.is_regular_file();
  REQUIRE(names == 50);
  server.reset_stats();
  for (int i = 0; i < 50; ++i) {
    REQUIRE(read_file(mount.path("d/" + std::to_string(i))) ==
            random_bytes(100'000, static_cast<uint32_t>(i)));
  }
  const ServerStats stats = server.stats();
  CHECK(stats.requests.at("GetObject") == 50);
  CHECK(stats.requests.size() == 1);

  SECTION("opened again, the kernel's pages answer") {
    for (int i = 0; i < 50; ++i) read_file(mount.path("d/" + std::to_string(i)));
    CHECK(server.stats().requests.at("GetObject") == 50);
  }
}

TEST_CASE("an object that is replaced under an open file is never mixed with the old one") {
  TestServer server;
  const std::string old_bytes(40 * mib, 'o');
  server.put_object("test", "f", old_bytes);
  Mounted mount(server, {.options = {"--metadata-ttl", "0"}});
  const Fd file(mount.path("f"), O_RDONLY);
  REQUIRE(pread_all(file.number, 0, 4096) == old_bytes.substr(0, 4096));
  server.put_object("test", "f", std::string(40 * mib, 'n'));
  std::string rest;
  int error = 0;
  for (uint64_t at = 4096; at < 40 * mib && error == 0; at += mib) {
    try {
      rest += pread_all(file.number, at, mib);
    } catch (const std::system_error& caught) {
      error = caught.code().value();
    }
  }
  CHECK(rest.find('n') == std::string::npos);
  if (error != 0) CHECK(error == ESTALE);
  // Opened anew it is the new version, whole.
  CHECK(read_file(mount.path("f")) == std::string(40 * mib, 'n'));
}

TEST_CASE(
    "a read that finds its object replaced makes the next open see the new one, before the TTL") {
  TestServer server;
  server.put_object("test", "f", std::string(40 * mib, 'o'));
  Mounted mount(server);
  const Fd file(mount.path("f"), O_RDONLY);
  REQUIRE(pread_all(file.number, 0, 4096) == std::string(4096, 'o'));
  const std::string new_bytes(41 * mib, 'n');
  server.put_object("test", "f", new_bytes);
  CHECK_THROWS_AS(pread_all(file.number, 39 * mib, 4096), std::system_error);
  CHECK(
      eventually([&] { return std::filesystem::file_size(mount.path("f")) == new_bytes.size(); }));
  CHECK(read_file(mount.path("f")) == new_bytes);
  CHECK_THROWS_AS(pread_all(file.number, 38 * mib, 4096), std::system_error);
}

TEST_CASE("faults while reading cost time, not bytes") {
  const std::string kind = GENERATE("error:503:SlowDown", "error:500:InternalError", "reset",
                                    "reset-mid", "truncate", "skewed");
  TestServer server;
  server.put_synthetic("test", "f", 12 * mib);
  Mounted mount(server);
  server.add_fault({.operation = "GetObject", .key = "f", .kind = kind, .times = 3});
  CHECK(read_file(mount.path("f")) == synthetic_bytes("f", 0, 12 * mib));
}

TEST_CASE("reads whose answers are late are sent once more, and read right") {
  ServerOptions options;
  options.first_byte = std::chrono::milliseconds(2);
  options.tail_latency = std::chrono::milliseconds(300);
  options.tail_probability = 0.02;
  TestServer server(options);
  constexpr int files = 600;
  for (int i = 0; i < files; ++i) server.put_synthetic("test", std::to_string(i), 1000);
  Mounted mount(server, {.options = {"--prefetch-epoch", "off"}, .hedge = "auto"});
  for (int i = 0; i < files; ++i) {
    const std::string key = std::to_string(i);
    REQUIRE(read_file(mount.path(key)) == synthetic_bytes(key, 0, 1000));
  }
  CHECK(server.stats().requests.at("GetObject") > files);
}

TEST_CASE("a stalled transfer is replaced") {
  const std::string kind = GENERATE("stall", "stall-mid", "hang");
  TestServer server;
  server.put_synthetic("test", "f", 12 * mib);
  Mounted mount(server, {.options = {"--response-timeout", "2s"}});
  server.add_fault({.operation = "GetObject", .key = "f", .kind = kind});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(read_file(mount.path("f")) == synthetic_bytes("f", 0, 12 * mib));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
}

TEST_CASE("a reader that waits for the network can be killed") {
  TestServer server;
  server.put_synthetic("test", "f", 12 * mib);
  Mounted mount(server, {.options = {"--response-timeout", "2s"}});
  server.add_fault({.operation = "GetObject", .key = "f", .kind = "hang", .times = -1});
  const int signal = GENERATE(SIGINT, SIGKILL);
  TempFolder folder;
  const pid_t reader =
      spawn({"/bin/cat", mount.path("f").string()}, {}, (folder.path() / "out").string());
  REQUIRE(eventually([&] { return server.stats().requests["GetObject"] > 0; }));
  kill(reader, signal);
  CHECK(wait_for_exit(reader, 5) == 128 + signal);
  server.clear_faults();
}

TEST_CASE("readers beyond the memory limit all finish") {
  TestServer server({.connection_mbps = 50});
  for (int i = 0; i < 24; ++i) server.put_synthetic("test", "f" + std::to_string(i), 8 * mib);
  Mounted mount(server, {.options = {"--memory-limit", "32M"}});
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 24; ++i) {
    threads.emplace_back([&, i] {
      const std::string name = "f" + std::to_string(i);
      if (read_file(mount.path(name)) != synthetic_bytes(name, 0, 8 * mib)) ++wrong;
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace penstock::test
