// SPDX-License-Identifier: Apache-2.0
// fallocate(2), lseek(2) to data and holes, copy_file_range(2), and what small changes of large
// files cost.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

constexpr int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

/// A descriptor that is closed with its owner.
class File {
 public:
  File(const std::filesystem::path& path, int flags) : fd_(open(path.c_str(), flags, 0644)) {
    REQUIRE(fd_ >= 0);
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  int close_now() { return close(std::exchange(fd_, -1)); }
  void write_at(uint64_t offset, const std::string& bytes) const {
    REQUIRE(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
            static_cast<ssize_t>(bytes.size()));
  }
  std::string read_at(uint64_t offset, size_t length) const {
    std::string bytes(length, '?');
    const ssize_t got = pread(fd_, bytes.data(), length, static_cast<off_t>(offset));
    REQUIRE(got >= 0);
    bytes.resize(static_cast<size_t>(got));
    return bytes;
  }
  uint64_t size() const {
    struct stat info {};
    REQUIRE(fstat(fd_, &info) == 0);
    return static_cast<uint64_t>(info.st_size);
  }
  /// The errno, or 0.
  int allocate(int mode, uint64_t offset, uint64_t length) const {
    return fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0
               ? 0
               : errno;
  }
  /// Where lseek(2) ends up; -errno.
  off_t seek(uint64_t offset, int whence) const {
    const off_t at = lseek(fd_, static_cast<off_t>(offset), whence);
    return at >= 0 ? at : -errno;
  }

 private:
  int fd_;
};

std::string zeroed(std::string bytes, uint64_t offset, uint64_t length) {
  return bytes.replace(offset, length, length, '\0');
}

/// Empty where they are the same; else where they begin to differ, for nobody reads megabytes.
std::string difference(const std::string& got, const std::string& expected) {
  if (got == expected) return "";
  const auto at = std::mismatch(got.begin(), got.end(), expected.begin(), expected.end()).first;
  return std::to_string(got.size()) + " bytes instead of " + std::to_string(expected.size()) +
         ", the first other one at " + std::to_string(at - got.begin());
}

MountSettings mounted(bool write_back, const std::filesystem::path& keep = {}) {
  MountSettings settings;
  if (write_back) settings.options.push_back("--write-back");
  settings.keep = keep;
  return settings;
}

void wait_for_upload(const TestServer& server, const std::string& key, const std::string& bytes) {
  eventually([&] { return server.object("test", key) == bytes; }, 20);
  CHECK(difference(server.object("test", key).value_or("nothing"), bytes) == "");
}

TEST_CASE("fallocate as on a local disk, on a new file and on a stored one") {
  const bool write_back = GENERATE(false, true);
  const bool stored = GENERATE(false, true);
  CAPTURE(write_back, stored);
  TestServer server;
  std::string expected = random_bytes(30 * mib + 123, 1);
  if (stored) server.put_object("test", "f", expected);
  {
    Mounted mount(server, mounted(write_back));
    File file(mount.path("f"), O_RDWR | O_CREAT);
    if (!stored) file.write_at(0, expected);
    const auto same = [&] {
      CHECK(file.size() == expected.size());
      CHECK(difference(file.read_at(0, expected.size() + 10), expected) == "");
    };
    same();  // and the kernel has pages of all of it
    CHECK(file.allocate(punch, 3 * mib + 5, 12 * mib) == 0);
    expected = zeroed(expected, 3 * mib + 5, 12 * mib);
    same();
    CHECK(file.allocate(punch, expected.size() - 10, mib) == 0);
    expected = zeroed(expected, expected.size() - 10, 10);
    same();
    CHECK(file.allocate(punch, expected.size() + mib, mib) == 0);
    CHECK(file.allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 100, mib) == 0);
    expected = zeroed(expected, 100, mib);
    same();
    CHECK(file.allocate(FALLOC_FL_KEEP_SIZE, 0, 100 * mib) == 0);
    same();
    CHECK(file.allocate(FALLOC_FL_ZERO_RANGE, expected.size() - 5, 1000) == 0);
    expected = zeroed(expected, expected.size() - 5, 5) + std::string(995, '\0');
    same();
    CHECK(file.allocate(0, 0, 10) == 0);
    same();
    CHECK(posix_fallocate(file.fd(), static_cast<off_t>(expected.size()), 4 * mib) == 0);
    expected.resize(expected.size() + 4 * mib);
    same();
    file.write_at(4 * mib, "data in the hole");
    expected.replace(4 * mib, 16, "data in the hole");
    same();
    REQUIRE(fsync(file.fd()) == 0);
    same();
    CHECK(file.allocate(punch, 4 * mib, 4) == 0);
    expected = zeroed(expected, 4 * mib, 4);
    same();
    CHECK(file.close_now() == 0);
    CHECK(difference(read_file(mount.path("f")), expected) == "");
    wait_for_upload(server, "f", expected);
    CHECK(mount.unmount() == 0);
  }
  Mounted again(server);
  CHECK(difference(read_file(again.path("f")), expected) == "");
}

TEST_CASE("what fallocate refuses, and what it changes besides bytes") {
  TestServer server;
  Mounted mount(server);
  File file(mount.path("f"), O_RDWR | O_CREAT | O_APPEND);
  file.write_at(0, "0123456789");
  CHECK(file.allocate(FALLOC_FL_COLLAPSE_RANGE, 0, 4096) == EOPNOTSUPP);
  CHECK(file.allocate(FALLOC_FL_INSERT_RANGE, 0, 4096) == EOPNOTSUPP);
  CHECK(file.allocate(FALLOC_FL_UNSHARE_RANGE, 0, 4096) == EOPNOTSUPP);
  CHECK(file.allocate(0, 0, 1ULL << 50) == EFBIG);
  CHECK(file.allocate(FALLOC_FL_KEEP_SIZE, 0, 1ULL << 50) == EFBIG);
  CHECK(file.allocate(FALLOC_FL_ZERO_RANGE, 1ULL << 50, 1) == EFBIG);
  CHECK(file.allocate(punch, 0, 0) == EINVAL);
  CHECK(file.size() == 10);
  CHECK(File(mount.path("f"), O_RDONLY).allocate(0, 0, 1) == EBADF);
  const timespec past[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(futimens(file.fd(), past) == 0);
  CHECK(file.allocate(punch, 2, 4) == 0);
  struct stat info {};
  REQUIRE(fstat(file.fd(), &info) == 0);
  CHECK(info.st_mtim.tv_sec > 1000);
  CHECK(file.read_at(0, 20) == zeroed("0123456789", 2, 4));
}

TEST_CASE("a file of a terabyte, allocated and punched, costs neither memory nor time") {
  const bool write_back = GENERATE(false, true);
  TestServer server;
  Mounted mount(server, mounted(write_back));
  File file(mount.path("f"), O_RDWR | O_CREAT);
  const uint64_t size = 1024 * gib;
  CHECK(posix_fallocate(file.fd(), 0, static_cast<off_t>(size)) == 0);
  CHECK(file.size() == size);
  file.write_at(size / 2, "middle");
  CHECK(file.allocate(punch, 10, size - 20) == 0);
  CHECK(file.read_at(size / 2, 6) == std::string(6, '\0'));
  REQUIRE(ftruncate(file.fd(), 100) == 0);  // nobody waits for a terabyte of zeros
  CHECK(file.close_now() == 0);
  wait_for_upload(server, "f", std::string(100, '\0'));
}

TEST_CASE("holes in an edited object that the journal promises come through a crash") {
  TestServer server;
  std::string expected = random_bytes(40 * mib, 6);
  server.put_object("test", "f", expected);
  const TempFolder keep;
  {
    Mounted mount(server, mounted(true, keep.path()));
    server.add_fault({.operation = "CreateMultipartUpload", .kind = "hang", .times = -1});
    const File file(mount.path("f"), O_RDWR);
    file.write_at(10 * mib, "under the hole");
    CHECK(file.allocate(punch, 9 * mib + 1, 14 * mib) == 0);
    CHECK(file.allocate(FALLOC_FL_ZERO_RANGE, 39 * mib, 2 * mib) == 0);
    REQUIRE(fsync(file.fd()) == 0);
    mount.kill();
  }
  expected =
      zeroed(expected, 9 * mib + 1, 14 * mib).substr(0, 39 * mib) + std::string(2 * mib, '\0');
  server.clear_faults();
  Mounted again(server, mounted(true, keep.path()));
  CHECK(difference(read_file(again.path("f")), expected) == "");
  wait_for_upload(server, "f", expected);
}

TEST_CASE("lseek finds data and holes, and never takes data for a hole") {
  const bool write_back = GENERATE(false, true);
  TestServer server;
  server.put_object("test", "stored", std::string(100, '\0'));
  Mounted mount(server, mounted(write_back));
  const File stored(mount.path("stored"), O_RDONLY);
  CHECK(stored.seek(0, SEEK_DATA) == 0);
  CHECK(stored.seek(7, SEEK_HOLE) == 100);
  CHECK(stored.seek(99, SEEK_DATA) == 99);
  CHECK(stored.seek(100, SEEK_DATA) == -ENXIO);
  CHECK(stored.seek(100, SEEK_HOLE) == -ENXIO);
  CHECK(stored.seek(1000, SEEK_DATA) == -ENXIO);

  File writer(mount.path("new"), O_WRONLY | O_CREAT);
  writer.write_at(10 * mib, "data");
  REQUIRE(ftruncate(writer.fd(), 20 * mib) == 0);
  {
    const File reader(mount.path("new"), O_RDONLY);
    CHECK(reader.seek(0, SEEK_HOLE) == 0);
    CHECK(reader.seek(0, SEEK_DATA) == static_cast<off_t>(10 * mib));
    CHECK(reader.seek(10 * mib, SEEK_HOLE) == static_cast<off_t>(10 * mib + 4));
    CHECK(reader.seek(11 * mib, SEEK_DATA) == -ENXIO);
    CHECK(reader.seek(20 * mib, SEEK_HOLE) == -ENXIO);
  }
  // What is written through a mapping may be nowhere but in the kernel.
  File mapped(mount.path("new"), O_RDWR);
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.fd(), 0);
  REQUIRE(page != MAP_FAILED);
  static_cast<char*>(page)[5] = 'x';
  CHECK(mapped.close_now() == 0);
  CHECK(writer.seek(0, SEEK_DATA) == 0);
  CHECK(munmap(page, 4096) == 0);
}

ssize_t copy_all(const File& from, const File& to, uint64_t length, off_t* in = nullptr,
                 off_t* out = nullptr) {
  ssize_t total = 0;
  while (length > 0) {
    const ssize_t copied = copy_file_range(from.fd(), in, to.fd(), out, length, 0);
    if (copied < 0) return -errno;
    if (copied == 0) break;
    total += copied;
    length -= static_cast<uint64_t>(copied);
  }
  return total;
}

TEST_CASE("copy_file_range of a stored file sends no bytes but those of its last part") {
  TestServer server;
  const std::string bytes = random_bytes(50 * mib + 17, 2);
  server.put_object("test", "from", bytes);
  Mounted mount(server);
  const File from(mount.path("from"), O_RDONLY);
  File to(mount.path("to"), O_WRONLY | O_CREAT);
  server.reset_stats();
  CHECK(copy_all(from, to, 1ULL << 40) == static_cast<ssize_t>(bytes.size()));
  // Whatever becomes of the source: the bytes are those that were copied.
  server.put_object("test", "from", "something else");
  CHECK(to.close_now() == 0);
  CHECK(difference(*server.object("test", "to"), bytes) == "");
  const ServerStats stats = server.stats();
  // Twice for the first ones, which learn whether the server keeps the condition.
  CHECK(stats.requests.at("UploadPartCopy") >= 6);
  CHECK(stats.bytes_in < 3 * mib);
  CHECK(stats.bytes_out < 3 * mib);
}

TEST_CASE("copy_file_range between any offsets, of what is stored and of what is not yet") {
  const bool write_back = GENERATE(false, true);
  const bool no_part_copy = GENERATE(false, true);
  CAPTURE(write_back, no_part_copy);
  TestServer server;
  if (no_part_copy)
    server.add_fault(
        {.operation = "UploadPartCopy", .kind = "error:501:NotImplemented", .times = -1});
  const std::string source = random_bytes(40 * mib, 3);
  server.put_object("test", "from", source);
  std::string expected = random_bytes(30 * mib, 4);
  server.put_object("test", "to", expected);
  Mounted mount(server, mounted(write_back));
  File from(mount.path("from"), O_RDWR);
  File to(mount.path("to"), O_RDWR);
  CHECK(difference(to.read_at(0, expected.size()), expected) == "");  // the kernel has its pages
  const auto copy = [&](off_t in, off_t out, uint64_t length, const std::string& bytes) {
    const off_t at = out;
    const auto place = static_cast<uint64_t>(at);
    const std::string part = bytes.substr(static_cast<size_t>(in), length);
    CHECK(copy_all(from, to, length, &in, &out) == static_cast<ssize_t>(part.size()));
    CHECK(out == at + static_cast<off_t>(part.size()));
    if (expected.size() < place + part.size()) expected.resize(place + part.size());
    expected.replace(place, part.size(), part);
    CHECK(to.size() == expected.size());
    CHECK(difference(to.read_at(0, expected.size()), expected) == "");
  };
  copy(5, 3 * mib + 7, 20 * mib, source);
  copy(static_cast<off_t>(39 * mib), 100, 5 * mib, source);
  copy(0, static_cast<off_t>(48 * mib), 16 * mib, source);
  // Not stored yet.
  std::string changed = source;
  from.write_at(mib, "changed here");
  changed.replace(mib, 12, "changed here");
  copy(0, 0, 17 * mib, changed);
  off_t beyond = static_cast<off_t>(source.size());
  CHECK(copy_all(from, to, 10, &beyond) == 0);
  off_t in = 0;
  off_t out = 10;
  CHECK(copy_all(to, to, 20, &in, &out) == -EINVAL);
  CHECK(to.close_now() == 0);
  wait_for_upload(server, "to", expected);
}

/// What one fsync after a small change of a stored file of a GiB costs.
ServerStats cost_of_change(TestServer& server, uint64_t offset, const std::string& bytes) {
  Mounted mount(server);
  const File file(mount.path("f"), O_WRONLY);
  server.reset_stats();
  file.write_at(offset, bytes);
  REQUIRE(fsync(file.fd()) == 0);
  return server.stats();
}

TEST_CASE("a small change of a large file sends and fetches one part") {
  const bool append = GENERATE(false, true);
  CAPTURE(append);
  TestServer server;
  const uint64_t size = gib + 5 * mib;
  server.put_synthetic("test", "f", size);
  const std::string bytes = random_bytes(append ? kib : 64 * kib, 5);
  const uint64_t offset = append ? size : gib / 2 + 12345;
  const ServerStats stats = cost_of_change(server, offset, bytes);
  CHECK(stats.bytes_out <= 8 * mib + 64 * kib);
  CHECK(stats.bytes_in <= 8 * mib + 64 * kib);
  CHECK(stats.requests.at("CreateMultipartUpload") == 1);
  CHECK(stats.requests.at("CompleteMultipartUpload") == 1);
  CHECK(stats.requests.at("UploadPart") == 1);
}

}  // namespace
}  // namespace penstock::test
