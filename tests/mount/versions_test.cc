// SPDX-License-Identifier: Apache-2.0
// Which bytes programs see while another client replaces the object, over and over.
#include <fcntl.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

/// One version of a file: it is told from the others by any of its bytes, and by nothing else.
std::string version(int number) { return std::string(mib, static_cast<char>('a' + number)); }

TEST_CASE("who opens a file at the same time as others sees its newest version, whole") {
  TestServer server;
  server.put_object("test", "f", version(0));
  const bool cached = GENERATE(false, true);
  MountSettings settings{.options = {"--freshness", "close-to-open"}};
  if (!cached) settings.options.emplace_back("--no-cache");
  Mounted mount(server, settings);
  constexpr int readers = 16;
  constexpr int rounds = 20;
  std::array<int, readers> wrong{};
  int round = 0;
  std::barrier begin(readers, [&]() noexcept { server.put_object("test", "f", version(++round)); });
  {
    std::vector<std::jthread> threads;
    for (int& own : wrong) {
      threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          begin.arrive_and_wait();
          if (read_file(mount.path("f")) != version(round)) ++own;
        }
      });
    }
  }
  for (const int own : wrong) CHECK(own == 0);
}

TEST_CASE("an open that is given up leaves no older version behind") {
  TestServer server;
  server.put_object("test", "f", version(0));
  Mounted mount(server, {.options = {"--freshness", "close-to-open", "--no-cache"}});
  CHECK(read_file(mount.path("f")) == version(0));
  server.put_object("test", "f", version(1));
  server.reset_stats();
  server.add_fault({.key = "f", .kind = "delay:60000", .times = 1});
  const pid_t reader = fork();
  if (reader == 0) {
    std::signal(SIGINT, SIG_DFL);  // not the test's
    const int file = open(mount.path("f").c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    (void)!read(file, &byte, 1);
    _exit(0);
  }
  CHECK(eventually([&] { return !server.stats().requests.empty(); }));
  kill(reader, SIGINT);
  CHECK(wait_for_exit(reader, 20) == 128 + SIGINT);
  server.clear_faults();
  CHECK(read_file(mount.path("f")) == version(1));
}

TEST_CASE("a look at the attributes changes no file that is open") {
  TestServer server;
  const std::string old = random_bytes(40 * mib, 1);
  server.put_object("test", "f", old);
  TempFolder kept;
  for (int i = 0; i < 2; ++i) {
    // The second time all of it is in the cache on disk.
    Mounted mount(server, {.keep = kept.path()});
    if (i == 0) {
      CHECK(read_file(mount.path("f")) == old);
      continue;
    }
    const int file = open(mount.path("f").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    std::string piece(4096, '\0');
    CHECK(pread(file, piece.data(), piece.size(), 0) == 4096);
    server.put_object("test", "f", random_bytes(old.size(), 2));
    std::array<char, 64> etag{};
    CHECK(getxattr(mount.path("f").c_str(), "user.s3.etag", etag.data(), etag.size()) > 0);
    // Whichever version a new open finds.
    CHECK(read_file(mount.path("f")).size() == old.size());
    const ssize_t got = pread(file, piece.data(), piece.size(), 20 * mib);
    const int error = errno;
    const bool same = got == 4096 && piece == old.substr(20 * mib, 4096);
    const bool refused = got < 0 && error == ESTALE;
    CHECK((same || refused));
    CHECK(close(file) == 0);
  }
}

}  // namespace
}  // namespace penstock::test
