// SPDX-License-Identifier: Apache-2.0
// Readers beside a program that replaces a file, over and over, on the same mount.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

constexpr size_t file_size = 20'000;
constexpr int rounds = 120;

/// What readers met, and how often.
using Errors = std::map<int, int>;

std::string text(const Errors& errors) {
  std::string all;
  for (const auto& [error, times] : errors)
    all += std::to_string(times) + " x " + (error < 0 ? "torn" : std::strerror(error)) + "; ";
  return all;
}

/// Opens the file, and reads it in two ways; 0, an errno, or -1 where it is not one version whole.
int read_once(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) return errno;
  std::string bytes(file_size, '\0');
  const ssize_t got = read(file, bytes.data(), bytes.size());
  const int failed = got < 0 ? errno : 0;
  std::string again(file_size, '\0');
  const ssize_t second = pread(file, again.data(), again.size(), 0);
  const int second_failed = second < 0 ? errno : 0;
  close(file);
  if (failed != 0) return failed;
  if (second_failed != 0) return second_failed;
  bytes.resize(static_cast<size_t>(got));
  again.resize(static_cast<size_t>(second));
  const bool whole = bytes == std::string(file_size, bytes.empty() ? '\0' : bytes[0]);
  return whole && bytes == again ? 0 : -1;
}

/// Two readers, as long as `write` works.
Errors read_beside(const std::string& path, const std::function<void()>& write) {
  std::atomic<bool> over = false;
  std::array<Errors, 2> met;
  std::vector<std::thread> readers;
  for (Errors& errors : met) {
    readers.emplace_back([&] {
      while (!over) {
        const int error = read_once(path);
        if (error != 0) ++errors[error];
      }
    });
  }
  write();
  over = true;
  for (std::thread& reader : readers) reader.join();
  for (const auto& [error, times] : met[1]) met[0][error] += times;
  return met[0];
}

TEST_CASE("readers of a file that is replaced atomically see the old one or the new one") {
  TestServer server;
  Mounted mount(server);
  const std::string path = mount.path("f").string();
  write_file(path, std::string(file_size, 'a'));
  const Errors errors = read_beside(path, [&] {
    for (int round = 0; round < rounds; ++round) {
      const std::string next = mount.path("f.tmp").string();
      write_file(next, std::string(file_size, static_cast<char>('a' + round % 26)));
      REQUIRE(rename(next.c_str(), path.c_str()) == 0);
    }
  });
  CHECK(text(errors) == "");
}

TEST_CASE("readers of a file that is deleted and made again see it, or none") {
  TestServer server;
  Mounted mount(server);
  const std::string path = mount.path("f").string();
  const Errors errors = read_beside(path, [&] {
    for (int round = 0; round < rounds; ++round) {
      const std::string next = mount.path("f.tmp").string();
      write_file(next, std::string(file_size, static_cast<char>('a' + round % 26)));
      REQUIRE(rename(next.c_str(), path.c_str()) == 0);
      REQUIRE(unlink(path.c_str()) == 0);
    }
  });
  Errors others = errors;
  others.erase(ENOENT);
  CHECK(text(others) == "");
}

}  // namespace
}  // namespace penstock::test
