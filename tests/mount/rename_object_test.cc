// SPDX-License-Identifier: Apache-2.0
// Renames in a bucket that has RenameObject.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* directory_bucket = "fast--x-s3";

struct DirectoryBucket {
  DirectoryBucket() {
    server.put_object(directory_bucket, "first", "1");
    note_attributes_in_root(server, directory_bucket);
  }

  /// What changes something, and copies.
  uint64_t writes() const {
    uint64_t all = 0;
    for (const auto& [operation, count] : server.stats().requests) {
      const bool reads = operation == "HeadObject" || operation == "GetObject" ||
                         operation == "ListObjectsV2" || operation == "HeadBucket";
      if (!reads) all += count;
    }
    return all;
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all = server.keys(directory_bucket);
    std::erase(all, ".penstock/root");
    return all;
  }

  TestServer server{{.buckets = {directory_bucket}}};
};

int rename_in(const Mounted& mount, const char* from, const char* to, unsigned flags = 0) {
  return renameat2(AT_FDCWD, mount.path(from).c_str(), AT_FDCWD, mount.path(to).c_str(), flags);
}

TEST_CASE("a rename is one request") {
  DirectoryBucket bucket;
  const std::string bytes = random_bytes(20 << 20, 1);
  Mounted mount(bucket.server, {.bucket = directory_bucket});
  REQUIRE(rename_in(mount, "first", "tried") == 0);
  write_file(mount.path("x.tmp"), bytes);
  REQUIRE(chmod(mount.path("x.tmp").c_str(), 0600) == 0);
  const int open_file = open(mount.path("x.tmp").c_str(), O_RDONLY);
  REQUIRE(open_file >= 0);
  bucket.server.reset_stats();
  REQUIRE(rename_in(mount, "x.tmp", "x") == 0);
  CHECK(bucket.writes() == 1);
  CHECK(bucket.server.stats().requests["RenameObject"] == 1);
  CHECK(bucket.server.stats().requests["CopyObject"] == 0);
  REQUIRE(rename_in(mount, "x", "tried", RENAME_NOREPLACE) == -1);
  CHECK(errno == EEXIST);
  REQUIRE(rename_in(mount, "x", "tried") == 0);
  CHECK(bucket.writes() == 2);
  CHECK(bucket.keys() == std::vector<std::string>{"tried"});
  std::string read(bytes.size(), '\0');
  CHECK(pread(open_file, read.data(), read.size(), 0) == static_cast<ssize_t>(read.size()));
  CHECK((read == bytes));
  close(open_file);
  struct stat found = {};
  REQUIRE(stat(mount.path("tried").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  CHECK(mount.unmount() == 0);
  Mounted other(bucket.server, {.bucket = directory_bucket});
  CHECK((read_file(other.path("tried")) == bytes));
}

TEST_CASE("of two nodes that rename to one new name the second gets EEXIST") {
  DirectoryBucket bucket;
  Mounted one(bucket.server, {.bucket = directory_bucket});
  write_file(one.path("mine"), "mine");
  CHECK_FALSE(fs::exists(one.path("name")));
  bucket.server.put_object(directory_bucket, "name", "theirs");
  CHECK(rename_in(one, "mine", "name", RENAME_NOREPLACE) == -1);
  CHECK(errno == EEXIST);
  CHECK(bucket.server.object(directory_bucket, "name") == "theirs");
  CHECK(bucket.server.object(directory_bucket, "mine") == "mine");
}

TEST_CASE("a rename of a directory copies no bytes") {
  DirectoryBucket bucket;
  Mounted mount(bucket.server, {.bucket = directory_bucket});
  REQUIRE(rename_in(mount, "first", "tried") == 0);
  REQUIRE(mkdir(mount.path("checkpoint.tmp").c_str(), 0755) == 0);
  for (int i = 0; i < 40; ++i)
    write_file(mount.path("checkpoint.tmp/shard" + std::to_string(i)), std::to_string(i));
  bucket.server.reset_stats();
  REQUIRE(rename_in(mount, "checkpoint.tmp", "checkpoint") == 0);
  CHECK(bucket.server.stats().requests["RenameObject"] == 40);
  CHECK(bucket.server.stats().requests["CopyObject"] == 0);
  for (int i = 0; i < 40; ++i)
    CHECK(read_file(mount.path("checkpoint/shard" + std::to_string(i))) == std::to_string(i));
  CHECK(mount.unmount() == 0);
  CHECK(bucket.keys().size() == 42);
}

TEST_CASE("a mount that is killed while it renames a directory: the next one ends it") {
  constexpr size_t count = 60;
  DirectoryBucket bucket;
  for (size_t i = 0; i < count; ++i)
    bucket.server.put_object(directory_bucket, "old/f" + std::to_string(i), std::to_string(i));
  TempFolder keep;
  const MountSettings settings{.bucket = directory_bucket, .keep = keep.path()};
  const int skip = GENERATE(0, 41);
  {
    Mounted mount(bucket.server, settings);
    REQUIRE(rename_in(mount, "first", "tried") == 0);
    bucket.server.add_fault(
        {.operation = "RenameObject", .kind = "hang", .times = -1, .skip = skip});
    bucket.server.reset_stats();
    const std::string from = mount.path("old");
    const std::string to = mount.path("new");
    const pid_t child = fork();
    if (child == 0) {
      ::rename(from.c_str(), to.c_str());
      _exit(0);
    }
    const auto arrived = [&] {
      return bucket.server.stats().requests["RenameObject"] >= static_cast<uint64_t>(skip) + 5;
    };
    CHECK(eventually(arrived));
    mount.kill();
    wait_for_exit(child, 10);
  }
  bucket.server.clear_faults();
  Mounted mount(bucket.server, settings);
  const auto ended = [&] {
    const std::vector<std::string> keys = bucket.keys();
    return std::none_of(keys.begin(), keys.end(),
                        [](const std::string& key) { return key.starts_with(".penstock/"); });
  };
  CHECK(eventually(ended));
  for (size_t i = 0; i < count; ++i)
    CHECK(read_file(mount.path("new/f" + std::to_string(i))) == std::to_string(i));
  CHECK(bucket.keys().size() == count + 1);
  CHECK_FALSE(fs::exists(mount.path("old")));
}

}  // namespace
}  // namespace penstock::test
