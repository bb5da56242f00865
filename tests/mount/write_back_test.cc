// SPDX-License-Identifier: Apache-2.0
// --write-back while the mount lives: what close promised is readable at once and in the bucket
// soon, whatever happens to its name and its upload meanwhile.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

MountSettings write_back(std::vector<std::string> more = {}) {
  MountSettings settings{.options = {"--write-back"}};
  settings.options.insert(settings.options.end(), more.begin(), more.end());
  return settings;
}

bool arrives(const TestServer& server, const std::string& key, const std::string& bytes) {
  return eventually([&] { return server.object("test", key) == bytes; }, 30);
}

void write_and_sync(const std::filesystem::path& path, const std::string& bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  REQUIRE(fd >= 0);
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + at, std::min<size_t>(bytes.size() - at, mib));
    REQUIRE(n > 0);
    at += static_cast<size_t>(n);
  }
  REQUIRE(fsync(fd) == 0);
  REQUIRE(close(fd) == 0);
}

/// Nothing can be stored under the key until the faults are cleared.
void refuse_writes(TestServer& server, const std::string& key,
                   const std::string& kind = "error:403:AccessDenied") {
  for (const char* operation : {"PutObject", "CreateMultipartUpload"})
    server.add_fault({.operation = operation, .key = key, .kind = kind, .times = -1});
}

TEST_CASE("what close acknowledged is readable at once and in the bucket soon") {
  const size_t size =
      GENERATE(as<size_t>(), 0, 1, 4096, 100'000, 8 * mib, 8 * mib + 1, 41 * mib + 7);
  TestServer server;
  Mounted mount(server, write_back());
  const std::string bytes = random_bytes(size, 3);
  write_file(mount.path("f"), bytes);
  CHECK(read_file(mount.path("f")) == bytes);
  CHECK(std::filesystem::file_size(mount.path("f")) == size);
  CHECK(arrives(server, "f", bytes));
  CHECK(read_file(mount.path("f")) == bytes);
  CHECK(mount.unmount() == 0);
  CHECK(server.unfinished_uploads("test") == 0);
}

TEST_CASE("an upload that fails keeps the bytes, and they arrive when the reason is gone") {
  const std::string kind = GENERATE("error:403:AccessDenied", "error:503:SlowDown", "hang");
  const size_t size = GENERATE(as<size_t>(), 5000, 20 * mib);
  CAPTURE(kind, size);
  TestServer server;
  server.put_object("test", "f", "old");
  Mounted mount(server, write_back());
  refuse_writes(server, "f", kind);
  const std::string bytes = random_bytes(size, 4);
  write_file(mount.path("f"), bytes);
  REQUIRE(eventually([&] {
    const ServerStats stats = server.stats();
    return stats.requests.contains("PutObject") || stats.requests.contains("CreateMultipartUpload");
  }));
  CHECK(read_file(mount.path("f")) == bytes);
  CHECK(*server.object("test", "f") == "old");
  // A request that got no answer is given up and sent again in its own time.
  server.clear_faults();
  CHECK(eventually([&] { return server.object("test", "f") == bytes; }, 90));
  CHECK(read_file(mount.path("f")) == bytes);
}

TEST_CASE("unmounting waits for what is pending") {
  TestServer server({.first_byte = std::chrono::milliseconds(200)});
  Mounted mount(server, write_back());
  const std::string large = random_bytes(20 * mib, 1);
  write_file(mount.path("x.tmp"), "put off for its name");
  write_file(mount.path("large"), large);
  for (int i = 0; i < 100; ++i)
    write_file(mount.path("small" + std::to_string(i)), std::to_string(i));
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "large") == large);
  CHECK(server.object("test", "x.tmp") == "put off for its name");
  for (int i = 0; i < 100; ++i)
    CHECK(server.object("test", "small" + std::to_string(i)) == std::to_string(i));
}

TEST_CASE("attributes set while an upload is under way leave alone what was written since") {
  // Of the answers of the server: the upload ends before, between or after the calls below.
  const int delay_ms = GENERATE(0, 1, 2, 4, 6, 8, 10, 12);
  CAPTURE(delay_ms);
  TestServer server({.first_byte = std::chrono::milliseconds(delay_ms)});
  Mounted mount(server, write_back());
  std::map<std::string, std::string> files;
  for (uint32_t i = 0; i < 12; ++i) {
    const std::string name = "f" + std::to_string(i);
    std::string bytes = random_bytes(30'000, i);
    write_file(mount.path(name), bytes);
    const int fd = open(mount.path(name).c_str(), O_RDWR);
    REQUIRE(fd >= 0);
    for (size_t piece = 0; piece < 4; ++piece) {
      const std::string changed = random_bytes(500, 1000 + i);
      const size_t at = piece * 7000 + i;
      REQUIRE(pwrite(fd, changed.data(), changed.size(), static_cast<off_t>(at)) == 500);
      bytes.replace(at, changed.size(), changed);
    }
    const timespec times[2] = {{1'500'000'000, 0}, {1'500'000'000, 5}};
    switch (i % 4) {
      case 0:
        REQUIRE(fchmod(fd, 0600) == 0);
        break;
      case 1:
        REQUIRE(chmod(mount.path(name).c_str(), 0640) == 0);
        break;
      case 2:
        REQUIRE(futimens(fd, times) == 0);
        break;
      default:
        REQUIRE(fsetxattr(fd, "user.a", "b", 1, 0) == 0);
    }
    REQUIRE(close(fd) == 0);
    files[name] = bytes;
  }
  for (const auto& [name, bytes] : files) CHECK(read_file(mount.path(name)) == bytes);
  CHECK(mount.unmount() == 0);
  for (const auto& [name, bytes] : files) CHECK(server.object("test", name) == bytes);
}

TEST_CASE("temporary, fsync, rename: one upload, no copy") {
  const bool over = GENERATE(false, true);
  const size_t size = GENERATE(as<size_t>(), 1000, 50 * mib);
  CAPTURE(over, size);
  TestServer server;
  if (over) server.put_object("test", "f", "old");
  Mounted mount(server, write_back());
  server.reset_stats();
  const std::string bytes = random_bytes(size, 7);
  write_and_sync(mount.path("f.tmp"), bytes);
  std::filesystem::rename(mount.path("f.tmp"), mount.path("f"));
  CHECK(read_file(mount.path("f")) == bytes);
  CHECK_FALSE(std::filesystem::exists(mount.path("f.tmp")));
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "f") == bytes);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
  const ServerStats stats = server.stats();
  CHECK_FALSE(stats.requests.contains("CopyObject"));
  CHECK_FALSE(stats.requests.contains("DeleteObject"));
  CHECK(stats.bytes_in <= size + size / 100 + 4096);
}

TEST_CASE("rename over a file that is pending itself") {
  const bool sending = GENERATE(false, true);
  CAPTURE(sending);
  TestServer server;
  Mounted mount(server, write_back());
  const std::string first = random_bytes(3 * mib, 1);
  const std::string second = random_bytes(3 * mib, 2);
  if (sending) {
    server.add_fault({.operation = "PutObject", .key = "f", .kind = "delay:700", .times = 1});
  } else {
    refuse_writes(server, "f");
  }
  write_file(mount.path("f"), first);
  if (sending) REQUIRE(eventually([&] { return server.stats().requests["PutObject"] > 0; }));
  write_and_sync(mount.path("f.tmp"), second);
  std::filesystem::rename(mount.path("f.tmp"), mount.path("f"));
  CHECK(read_file(mount.path("f")) == second);
  server.clear_faults();
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "f") == second);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
}

TEST_CASE("what is renamed or deleted before its upload costs no request") {
  TestServer server;
  Mounted mount(server, write_back());
  CHECK_FALSE(std::filesystem::exists(mount.path("gone.tmp")));
  CHECK_FALSE(std::filesystem::exists(mount.path("x.tmp")));
  CHECK_FALSE(std::filesystem::exists(mount.path("y.tmp")));
  server.reset_stats();
  write_file(mount.path("gone.tmp"), random_bytes(2 * mib, 1));
  std::filesystem::remove(mount.path("gone.tmp"));
  CHECK_FALSE(std::filesystem::exists(mount.path("gone.tmp")));
  write_file(mount.path("x.tmp"), "x");
  std::filesystem::rename(mount.path("x.tmp"), mount.path("y.tmp"));
  const ServerStats stats = server.stats();
  CHECK_FALSE(stats.requests.contains("PutObject"));
  CHECK_FALSE(stats.requests.contains("CopyObject"));
  CHECK_FALSE(stats.requests.contains("DeleteObject"));
  CHECK(mount.unmount() == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"y.tmp"});
  CHECK(server.object("test", "y.tmp") == "x");
}

TEST_CASE("what is deleted while its upload runs leaves nothing in the bucket") {
  const size_t size = GENERATE(as<size_t>(), 1000, 40 * mib);
  const char* const operation = size > 8 * mib ? "UploadPart" : "PutObject";
  CAPTURE(size);
  TestServer server({.first_byte = std::chrono::milliseconds(150)});
  Mounted mount(server, write_back());
  write_file(mount.path("f"), random_bytes(size, 3));
  REQUIRE(eventually([&] { return server.stats().requests[operation] > 0; }));
  std::filesystem::remove(mount.path("f"));
  CHECK_FALSE(std::filesystem::exists(mount.path("f")));
  CHECK(server.keys("test").empty());
  CHECK(mount.unmount() == 0);
  CHECK(server.keys("test").empty());
  CHECK(server.unfinished_uploads("test") == 0);
}

TEST_CASE("append, edits and truncation of an object, again while they are pending") {
  const size_t size = GENERATE(as<size_t>(), 1000, 20 * mib);
  CAPTURE(size);
  TestServer server({.first_byte = std::chrono::milliseconds(20)});
  std::string expected = random_bytes(size, 5);
  server.put_object("test", "f", expected);
  Mounted mount(server, write_back());
  for (int round = 0; round < 3; ++round) {
    int fd = open(mount.path("f").c_str(), O_WRONLY | O_APPEND);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "tail", 4) == 4);
    REQUIRE(close(fd) == 0);
    expected += "tail";
    CHECK(read_file(mount.path("f")) == expected);
    fd = open(mount.path("f").c_str(), O_RDWR);
    REQUIRE(fd >= 0);
    REQUIRE(pwrite(fd, "middle", 6, 500 + round) == 6);
    expected.replace(static_cast<size_t>(500 + round), 6, "middle");
    REQUIRE(fsync(fd) == 0);
    CHECK(read_file(mount.path("f")) == expected);
    const size_t cut = expected.size() - 100;
    REQUIRE(ftruncate(fd, static_cast<off_t>(cut)) == 0);
    expected.resize(cut);
    REQUIRE(pwrite(fd, "x", 1, static_cast<off_t>(cut + 50)) == 1);
    expected.resize(cut + 50, '\0');
    expected += 'x';
    REQUIRE(close(fd) == 0);
    CHECK(read_file(mount.path("f")) == expected);
  }
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "f") == expected);
}

TEST_CASE("a file that is synced and written on: the bucket gets what was synced, then the rest") {
  TestServer server;
  Mounted mount(server, write_back());
  const int fd = open(mount.path("f").c_str(), O_RDWR | O_CREAT, 0644);
  REQUIRE(fd >= 0);
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    const std::string piece = random_bytes(3 * mib, static_cast<uint32_t>(i));
    for (size_t at = 0; at < piece.size(); at += mib)
      REQUIRE(write(fd, piece.data() + at, mib) == mib);
    expected += piece;
    REQUIRE(fsync(fd) == 0);
    struct stat info {};
    REQUIRE(fstat(fd, &info) == 0);
    CHECK(static_cast<size_t>(info.st_size) == expected.size());
    if (i % 2 == 0) CHECK(arrives(server, "f", expected));
  }
  REQUIRE(pwrite(fd, "HEAD", 4, 0) == 4);
  const std::string synced = expected;
  CHECK(arrives(server, "f", synced));
  expected.replace(0, 4, "HEAD");
  CHECK(read_file(mount.path("f")) == expected);
  REQUIRE(close(fd) == 0);
  CHECK(arrives(server, "f", expected));
}

TEST_CASE("O_EXCL, modes and times of what is pending") {
  TestServer server;
  Mounted mount(server, write_back());
  refuse_writes(server, "f");
  write_file(mount.path("f"), "bytes");
  CHECK(open(mount.path("f").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644) == -1);
  CHECK(errno == EEXIST);
  REQUIRE(chmod(mount.path("f").c_str(), 0750) == 0);
  const timespec times[2] = {{1'500'000'000, 0}, {1'500'000'000, 123'000'000}};
  REQUIRE(utimensat(AT_FDCWD, mount.path("f").c_str(), times, 0) == 0);
  struct stat info {};
  REQUIRE(stat(mount.path("f").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0750);
  CHECK(info.st_mtim.tv_sec == 1'500'000'000);
  server.clear_faults();
  CHECK(mount.unmount() == 0);
  CHECK(server.object("test", "f") == "bytes");
  const auto metadata = server.metadata("test", "f").value();
  CHECK(metadata.at("mode") == std::to_string(S_IFREG | 0750));
  CHECK(metadata.at("mtime") == "1500000000.123000000");
}

TEST_CASE("fsync of a folder, and fsync that waits for the bucket") {
  TestServer server;
  Mounted mount(server, write_back({"--fsync", "bucket"}));
  write_and_sync(mount.path("f.tmp"), "in the bucket");
  CHECK(server.object("test", "f.tmp") == "in the bucket");
  write_file(mount.path("g.tmp"), "folder");
  const int folder = open(mount.path().c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(folder >= 0);
  CHECK(fsync(folder) == 0);
  CHECK(close(folder) == 0);
  CHECK(server.object("test", "g.tmp") == "folder");
}

}  // namespace
}  // namespace penstock::test
