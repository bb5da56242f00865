// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST_CASE("what was written is in the bucket when close returns") {
  const size_t size =
      GENERATE(as<size_t>(), 0, 1, 4096, 100'000, 8 * mib - 1, 8 * mib, 8 * mib + 1, 41 * mib + 7);
  TestServer server;
  Mounted mount(server);
  const std::string bytes = random_bytes(size, 3);
  write_file(mount.path("f"), bytes);
  REQUIRE(server.object("test", "f").has_value());
  CHECK(*server.object("test", "f") == bytes);
  CHECK(server.unfinished_uploads("test") == 0);
  CHECK(read_file(mount.path("f")) == bytes);
  const ServerStats stats = server.stats();
  CHECK(stats.requests.count("CreateMultipartUpload") == (size > 8 * mib ? 1 : 0));
}

TEST_CASE("a file up to the size of one PUT costs one request") {
  TestServer server;
  // What is believed of the young folder is not to run out meanwhile, however slow the machine is.
  Mounted mount(server, {.options = {"--metadata-ttl", "forever"}});
  std::filesystem::create_directory(mount.path("d"));
  server.reset_stats();
  for (int i = 0; i < 20; ++i)
    write_file(mount.path("d/" + std::to_string(i)), random_bytes(16'000, 1));
  const ServerStats stats = server.stats();
  CHECK(stats.requests.at("PutObject") == 20);
  CHECK(stats.requests.size() == 1);
}

TEST_CASE("rewriting replaces the object, and readers see the new bytes at once") {
  TestServer server;
  Mounted mount(server);
  write_file(mount.path("f"), "first version");
  CHECK(read_file(mount.path("f")) == "first version");
  write_file(mount.path("f"), "2nd");
  CHECK(read_file(mount.path("f")) == "2nd");
  CHECK(*server.object("test", "f") == "2nd");
  CHECK(std::filesystem::file_size(mount.path("f")) == 3);
}

TEST_CASE("append, edits in the middle and truncation of an existing object") {
  const size_t size = GENERATE(as<size_t>(), 1000, 20 * mib);
  TestServer server;
  std::string expected = random_bytes(size, 5);
  server.put_object("test", "f", expected);
  Mounted mount(server);

  int fd = open(mount.path("f").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "tail", 4) == 4);
  REQUIRE(close(fd) == 0);
  expected += "tail";
  CHECK(*server.object("test", "f") == expected);

  fd = open(mount.path("f").c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  REQUIRE(pwrite(fd, "middle", 6, 500) == 6);
  expected.replace(500, 6, "middle");
  char back[10] = {};
  REQUIRE(pread(fd, back, 10, 498) == 10);
  CHECK(std::string(back, 10) == expected.substr(498, 10));
  REQUIRE(fsync(fd) == 0);
  CHECK(*server.object("test", "f") == expected);
  REQUIRE(ftruncate(fd, 700) == 0);
  expected.resize(700);
  REQUIRE(pwrite(fd, "x", 1, 900) == 1);
  expected.resize(900, '\0');
  expected += 'x';
  REQUIRE(close(fd) == 0);
  CHECK(*server.object("test", "f") == expected);

  REQUIRE(truncate(mount.path("f").c_str(), 10) == 0);
  CHECK(*server.object("test", "f") == expected.substr(0, 10));
  REQUIRE(truncate(mount.path("f").c_str(), 20) == 0);
  CHECK(*server.object("test", "f") == expected.substr(0, 10) + std::string(10, '\0'));
}

TEST_CASE("writes in any order, holes included, arrive as on a local disk") {
  TestServer server;
  Mounted mount(server, {.options = {"--memory-limit", "64M"}});
  const int fd = open(mount.path("f").c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
  REQUIRE(fd >= 0);
  std::string expected(90 * mib, '\0');
  // Backwards, in pieces that do not line up with anything.
  for (uint64_t at = 80 * mib; at >= 7 * mib; at -= 7 * mib) {
    const std::string piece = random_bytes(mib + 4321, static_cast<uint32_t>(at));
    REQUIRE(pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(at + 99)) ==
            static_cast<ssize_t>(piece.size()));
    expected.replace(at + 99, piece.size(), piece);
  }
  REQUIRE(ftruncate(fd, 90 * mib) == 0);
  CHECK(read_file(mount.path("f")) == expected);
  REQUIRE(close(fd) == 0);
  CHECK(*server.object("test", "f") == expected);
}

TEST_CASE("a header that is rewritten at the end of a long file") {
  TestServer server;
  Mounted mount(server);
  std::string expected = random_bytes(60 * mib, 9);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  for (uint64_t at = 0; at < expected.size(); at += mib)
    REQUIRE(write(fd, expected.data() + at, mib) == mib);
  REQUIRE(pwrite(fd, "HEADER", 6, 0) == 6);
  expected.replace(0, 6, "HEADER");
  REQUIRE(close(fd) == 0);
  CHECK(*server.object("test", "f") == expected);
}

TEST_CASE("faults while writing cost time, not bytes") {
  const auto [operation, kind] = GENERATE(
      table<std::string, std::string>({{"UploadPart", "error:503:SlowDown"},
                                       {"UploadPart", "error:500:InternalError"},
                                       {"UploadPart", "reset"},
                                       {"UploadPart", "lost-reply"},
                                       {"UploadPart", "skewed"},
                                       {"CreateMultipartUpload", "error:503:SlowDown"},
                                       {"CompleteMultipartUpload", "error:503:SlowDown"},
                                       {"CompleteMultipartUpload", "error-in-200:InternalError"},
                                       {"CompleteMultipartUpload", "lost-reply"},
                                       {"UploadPart", "error:404:NoSuchUpload"},
                                       {"CompleteMultipartUpload", "error:404:NoSuchUpload"}}));
  const int times = kind.find("NoSuchUpload") != std::string::npos || kind == "lost-reply" ? 1 : 3;
  CAPTURE(operation, kind);
  TestServer server;
  Mounted mount(server);
  server.add_fault({.operation = operation, .key = "f", .kind = kind, .times = times});
  const std::string bytes = random_bytes(20 * mib, 2);
  write_file(mount.path("f"), bytes);
  CHECK(*server.object("test", "f") == bytes);
  CHECK(read_file(mount.path("f")) == bytes);
}

TEST_CASE("a small write survives faults too") {
  const std::string kind =
      GENERATE("error:503:SlowDown", "error:500:InternalError", "reset", "lost-reply", "skewed");
  TestServer server;
  Mounted mount(server);
  server.add_fault({.operation = "PutObject", .key = "f", .kind = kind, .times = 2});
  write_file(mount.path("f"), "bytes");
  CHECK(*server.object("test", "f") == "bytes");
}

TEST_CASE("the edit of an object survives lost answers") {
  const size_t size = GENERATE(size_t{100}, 20 * mib);
  // Of the looks at what has become of it one fails, too.
  const int failed_look = GENERATE(-1, 0, 1, 2);
  CAPTURE(size, failed_look);
  TestServer server;
  std::string bytes = random_bytes(size, 3);
  server.put_object("test", "f", bytes);
  Mounted mount(server);
  server.add_fault({.operation = size < mib ? "PutObject" : "CompleteMultipartUpload",
                    .key = "f",
                    .kind = "lost-reply",
                    .times = 1});
  const int fd = open(mount.path("f").c_str(), O_WRONLY);
  REQUIRE(fd >= 0);
  if (failed_look >= 0) {
    server.add_fault({.operation = "HeadObject",
                      .key = "f",
                      .kind = "error:503:SlowDown",
                      .times = 1,
                      .skip = failed_look});
  }
  REQUIRE(pwrite(fd, "edit", 4, 50) == 4);
  CHECK(fsync(fd) == 0);
  REQUIRE(pwrite(fd, "again", 5, 60) == 5);
  CHECK(close(fd) == 0);
  bytes.replace(50, 4, "edit").replace(60, 5, "again");
  CHECK(*server.object("test", "f") == bytes);
}

TEST_CASE("an edit that comes too late is ESTALE, and what is there stays") {
  const size_t size = GENERATE(size_t{0}, size_t{100}, 20 * mib);
  const bool synced = GENERATE(false, true);
  CAPTURE(size, synced);
  TestServer server;
  server.put_object("test", "f", random_bytes(size, 4));
  Mounted mount(server);
  const int fd = open(mount.path("f").c_str(), O_RDWR | O_APPEND);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "first", 5) == 5);
  if (synced) CHECK(fsync(fd) == 0);
  REQUIRE(write(fd, "second", 6) == 6);
  server.put_object("test", "f", "theirs");
  CHECK(close(fd) == -1);
  CHECK(errno == ESTALE);
  CHECK(*server.object("test", "f") == "theirs");
  // Who replaces all of it has nothing of theirs to lose.
  write_file(mount.path("f"), "mine");
  CHECK(*server.object("test", "f") == "mine");
}

TEST_CASE("a refusal reaches close, the old object stays, and the bytes arrive once it is lifted") {
  TestServer server;
  server.put_object("test", "f", "old");
  Mounted mount(server);
  server.add_fault(
      {.operation = "PutObject", .key = "f", .kind = "error:403:AccessDenied", .times = -1});
  CHECK(error_of([&] { write_file(mount.path("f"), "new bytes"); }) == EACCES);
  CHECK(*server.object("test", "f") == "old");
  server.clear_faults();
  CHECK(eventually([&] { return *server.object("test", "f") == "new bytes"; }, 20));
}

TEST_CASE("fsync returns the error and a later one succeeds") {
  TestServer server;
  Mounted mount(server);
  const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "abc", 3) == 3);
  server.add_fault(
      {.operation = "PutObject", .key = "f", .kind = "error:403:AccessDenied", .times = 1});
  CHECK(fsync(fd) == -1);
  CHECK(errno == EACCES);
  CHECK(fsync(fd) == 0);
  CHECK(*server.object("test", "f") == "abc");
  CHECK(close(fd) == 0);
}

TEST_CASE("O_EXCL does not replace what somebody else made meanwhile") {
  TestServer server;
  Mounted mount(server);
  std::filesystem::create_directory(mount.path("d"));
  const int fd = open(mount.path("d/only").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
  REQUIRE(fd >= 0);
  server.put_object("test", "d/only", "theirs");
  REQUIRE(write(fd, "ours", 4) == 4);
  CHECK(close(fd) == -1);
  CHECK(errno == EEXIST);
  CHECK(*server.object("test", "d/only") == "theirs");
}

TEST_CASE(
    "killed in the middle of a write: nothing visible, and the next mount aborts the upload") {
  TestServer server;
  server.put_object("test", "other", "x");
  {
    Mounted mount(server);
    const int fd = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
    REQUIRE(fd >= 0);
    const std::string piece = random_bytes(mib, 1);
    for (int i = 0; i < 30; ++i) REQUIRE(write(fd, piece.data(), mib) == mib);
    REQUIRE(eventually([&] { return server.stats().requests["UploadPart"] > 0; }));
    mount.kill();
    close(fd);
  }
  CHECK_FALSE(server.object("test", "f").has_value());
  CHECK(server.unfinished_uploads("test") == 1);
  Mounted again(server);
  CHECK(eventually([&] { return server.unfinished_uploads("test") == 0; }));
  CHECK_FALSE(std::filesystem::exists(again.path("f")));
}

TEST_CASE("SIGTERM stores open files, then ends") {
  TestServer server({.first_byte = std::chrono::milliseconds(100)});
  Mounted mount(server);
  const int small = open(mount.path("small").c_str(), O_WRONLY | O_CREAT, 0644);
  const int large = open(mount.path("large").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(small >= 0);
  REQUIRE(large >= 0);
  const std::string bytes = random_bytes(12 * mib, 4);
  REQUIRE(write(small, bytes.data(), 4096) == 4096);
  for (int i = 0; i < 12; ++i) REQUIRE(write(large, bytes.data() + i * mib, mib) == mib);
  CHECK(mount.terminate(30) == 0);
  CHECK(server.object("test", "small") == bytes.substr(0, 4096));
  CHECK(server.object("test", "large") == bytes);
  close(small);
  close(large);
}

TEST_CASE("SIGTERM stores what programs have changed in mapped files") {
  const bool write_back = GENERATE(false, true);
  CAPTURE(write_back);
  TestServer server;
  Mounted mount(server, {.options = write_back ? std::vector<std::string>{"--write-back"}
                                               : std::vector<std::string>{}});
  std::string bytes = random_bytes(4 * mib, 5);
  write_file(mount.path("f"), bytes);
  const int fd = open(mount.path("f").c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  void* const mapped = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE(mapped != MAP_FAILED);
  for (size_t at = 100; at < bytes.size(); at += mib) {
    static_cast<char*>(mapped)[at] = 'X';
    bytes[at] = 'X';
  }
  // The kernel has them alone, and would send them half a minute later.
  CHECK(mount.terminate(30) == 0);
  CHECK(server.object("test", "f") == bytes);
  munmap(mapped, bytes.size());
  close(fd);
}

TEST_CASE("SIGTERM with changed mapped files and a store that hangs ends in time") {
  TestServer server;
  Mounted mount(server, {.options = {"--stop-timeout", "3s"}});
  const std::string bytes = random_bytes(mib, 5);
  write_file(mount.path("f"), bytes);
  const int fd = open(mount.path("f").c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  void* const mapped = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE(mapped != MAP_FAILED);
  static_cast<char*>(mapped)[0] = 'X';
  server.add_fault({.operation = "PutObject", .key = "f", .kind = "hang", .times = -1});
  CHECK(mount.terminate(20) == 1);
  CHECK(mount.log().find("not saved: f") != std::string::npos);
  munmap(mapped, bytes.size());
  close(fd);
}

TEST_CASE("SIGTERM that cannot store everything says so and ends in time") {
  TestServer server;
  Mounted mount(server, {.options = {"--stop-timeout", "2s"}});
  const int fd = open(mount.path("lost").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, "x", 1) == 1);
  server.add_fault({.operation = "PutObject", .key = "lost", .kind = "hang", .times = -1});
  CHECK(mount.terminate(15) == 1);
  CHECK(mount.log().find("lost") != std::string::npos);
  close(fd);
}

TEST_CASE("many files open for writing in little memory all arrive") {
  TestServer server({.connection_mbps = 30});
  Mounted mount(server, {.options = {"--memory-limit", "64M"}});
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const std::string bytes = random_bytes(12 * mib, static_cast<uint32_t>(i));
      write_file(mount.path("f" + std::to_string(i)), bytes);
      if (server.object("test", "f" + std::to_string(i)) != bytes) ++wrong;
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("who reads while another descriptor stores new versions gets bytes, not errors") {
  TestServer server;
  constexpr size_t size = 20 * mib;
  server.put_object("test", "f", std::string(size, 'a'));
  Mounted mount(server);
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> reads = 0;
  std::atomic<int> error = 0;
  std::vector<std::thread> readers;
  for (uint32_t seed = 0; seed < 3; ++seed) {
    readers.emplace_back([&, seed] {
      std::mt19937 random(seed);
      const int fd = open(mount.path("f").c_str(), O_RDONLY | O_DIRECT);
      auto* page = static_cast<char*>(std::aligned_alloc(4096, 4096));
      while (!stop) {
        if (pread(fd, page, 4096, static_cast<off_t>(random() % (size / 4096) * 4096)) != 4096)
          error = errno;
        ++reads;
      }
      std::free(page);
      close(fd);
    });
  }
  for (int i = 0; i < 12; ++i) {
    const int fd = open(mount.path("f").c_str(), O_RDWR);
    CHECK(pwrite(fd, "b", 1, i * static_cast<off_t>(mib)) == 1);
    CHECK(close(fd) == 0);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(error == 0);
  CHECK(reads > 0);
}

}  // namespace
}  // namespace penstock::test
