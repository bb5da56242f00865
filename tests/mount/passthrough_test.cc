// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "mount/mounted_bucket.h"
#include "mount/mounted_files.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

struct Fd {
  explicit Fd(const std::string& path, int flags = O_RDONLY)
      : number(open(path.c_str(), flags | O_CLOEXEC)) {
    INFO(path << ": " << strerror(errno));
    REQUIRE(number >= 0);
  }
  ~Fd() { close(number); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  std::string read_at(uint64_t offset, size_t length) const {
    std::string bytes(length, '\0');
    const ssize_t got = pread(number, bytes.data(), length, static_cast<off_t>(offset));
    REQUIRE(got >= 0);
    bytes.resize(static_cast<size_t>(got));
    return bytes;
  }
  std::string mapped(size_t length) const {
    void* at = mmap(nullptr, length, PROT_READ, MAP_SHARED, number, 0);
    REQUIRE(at != MAP_FAILED);
    std::string bytes(static_cast<const char*>(at), length);
    munmap(at, length);
    return bytes;
  }
  const int number;
};

TEST_CASE("a mount passes through where it can, and says why where it cannot") {
  const MountedFiles mount;
  CHECK(mount.passes_through() == have_kernel_and_libfuse({6, 9}, {3, 17}));
  CHECK(mount.features().passthrough.why_not.empty() == mount.passes_through());
}

TEST_CASE("what a backed file is read as are its bytes, and nobody is asked for them") {
  MountedFiles mount;
  const std::string bytes = random_bytes((3 << 20) + 777, 1);
  mount.files.put("file", bytes);
  {
    const Fd file(mount.path("file"));
    CHECK(file.read_at(0, bytes.size() + 10) == bytes);
    for (const uint64_t offset : {1ULL, 4095ULL, 131071ULL, 1048577ULL, 3145727ULL})
      CHECK(file.read_at(offset, 12345) == bytes.substr(offset, 12345));
    CHECK(file.read_at(bytes.size() - 5, 100) == bytes.substr(bytes.size() - 5));
    CHECK(file.read_at(bytes.size(), 100).empty());
    CHECK(file.mapped(bytes.size()) == bytes);
    struct stat status {};
    REQUIRE(fstat(file.number, &status) == 0);
    CHECK(static_cast<size_t>(status.st_size) == bytes.size());
  }
  CHECK(read_file(mount.path("file")) == bytes);
  CHECK((mount.files.reads() == 0) == mount.passes_through());
}

TEST_CASE("O_DIRECT and programs that are executed read backed files too") {
  MountedFiles mount;
  const std::string bytes = random_bytes(1 << 20, 2);
  mount.files.put("file", bytes);
  mount.files.put("true", read_file("/bin/true"));
  {
    const Fd file(mount.path("file"), O_RDONLY | O_DIRECT);
    void* buffer = nullptr;
    REQUIRE(posix_memalign(&buffer, 4096, 8192) == 0);
    CHECK(pread(file.number, buffer, 8192, 4096) == 8192);
    CHECK(std::string(static_cast<char*>(buffer), 8192) == bytes.substr(4096, 8192));
    free(buffer);
  }
  pid_t pid = 0;
  std::string program = mount.path("true");
  char* arguments[] = {program.data(), nullptr};
  REQUIRE(posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  int status = -1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("opens of one version share it, and the last close lets go of it") {
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 3);
  mount.files.put("file", bytes);
  for (int round = 0; round < 3; ++round) {
    auto first = std::make_unique<Fd>(mount.path("file"));
    const Fd second(mount.path("file"));
    CHECK(first->read_at(100, 1000) == bytes.substr(100, 1000));
    // Those of the round before are let go of some time after they were closed.
    const size_t shared = mount.passes_through() ? 1 : 0;
    CHECK(eventually([&] { return mount.backing_descriptors() == shared; }));
    first.reset();
    CHECK(second.read_at(1000, 1000) == bytes.substr(1000, 1000));
  }
  CHECK((mount.files.reads() == 0) == mount.passes_through());
}

TEST_CASE("a mapping outlives the last close") {
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 4);
  mount.files.put("file", bytes);
  void* at = MAP_FAILED;
  {
    const Fd file(mount.path("file"));
    at = mmap(nullptr, bytes.size(), PROT_READ, MAP_PRIVATE, file.number, 0);
  }
  REQUIRE(at != MAP_FAILED);
  REQUIRE(eventually([&] { return mount.files.open_handles() == 0 || !mount.passes_through(); }));
  fs::remove(mount.files.backing_path("file"));  // evicted
  CHECK(std::string(static_cast<const char*>(at), bytes.size()) == bytes);
  munmap(at, bytes.size());
}

TEST_CASE(
    "a writer beside readers changes the file, but neither what they read nor the local file") {
  const int flags = GENERATE(O_RDWR, O_WRONLY, O_RDWR | O_APPEND);
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 5);
  mount.files.put("file", bytes);
  const Fd reader(mount.path("file"));
  CHECK(reader.read_at(0, 10) == bytes.substr(0, 10));
  {
    const Fd writer(mount.path("file"), flags);
    const uint64_t at = (flags & O_APPEND) != 0 ? bytes.size() : 1000;
    REQUIRE(pwrite(writer.number, "changed", 7, static_cast<off_t>(at)) == 7);
    CHECK(mount.files.bytes("file").substr(at, 7) == "changed");
    if (flags == O_RDWR) {
      CHECK(writer.read_at(1000, 7) == "changed");
      void* map = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, writer.number, 0);
      REQUIRE(map != MAP_FAILED);
      static_cast<char*>(map)[5000] = static_cast<char>(~bytes[5000]);
      CHECK(msync(map, bytes.size(), MS_SYNC) == 0);
      munmap(map, bytes.size());
      CHECK(mount.files.bytes("file")[5000] == static_cast<char>(~bytes[5000]));
    }
  }
  CHECK(read_file(mount.path("file")) == mount.files.bytes("file"));
  if (mount.passes_through()) CHECK(reader.read_at(0, bytes.size()) == bytes);
  CHECK(read_file(mount.files.backing_path("file")) == bytes);
}

TEST_CASE("truncation beside readers leaves the local file alone") {
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 6);
  mount.files.put("file", bytes);
  const Fd reader(mount.path("file"));
  write_file(mount.path("file"), "short");
  CHECK(mount.files.bytes("file") == "short");
  CHECK(read_file(mount.path("file")) == "short");
  if (mount.passes_through()) CHECK(reader.read_at(0, bytes.size()) == bytes);
  CHECK(read_file(mount.files.backing_path("file")) == bytes);
}

TEST_CASE("a newer version is read and mapped beside an older one that is open") {
  MountedFiles mount;
  const std::string old_bytes = random_bytes(300'000, 7);
  mount.files.put("file", old_bytes);
  const Fd old_reader(mount.path("file"));
  const bool backed = GENERATE(true, false);
  const std::string new_bytes = random_bytes(400'000, 8);
  mount.files.put("file", new_bytes, backed);
  if (!mount.passes_through())
    return;  // the kernel believes the old size for as long as it was told
  {
    const Fd new_reader(mount.path("file"));
    CHECK(new_reader.read_at(0, new_bytes.size()) == new_bytes);
    CHECK(new_reader.mapped(new_bytes.size()) == new_bytes);
    CHECK(old_reader.read_at(0, old_bytes.size()) == old_bytes);
    CHECK(old_reader.mapped(old_bytes.size()) == old_bytes);
    CHECK((mount.files.reads() == 0) == backed);
  }
  CHECK(read_file(mount.path("file")) == new_bytes);
}

TEST_CASE("a file that is open otherwise is passed through when those are closed") {
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 9);
  mount.files.put("file", bytes, false);
  {
    const Fd served(mount.path("file"));
    mount.files.put("file", bytes);
    const Fd beside(mount.path("file"));
    CHECK(beside.read_at(0, bytes.size()) == bytes);
    CHECK(served.read_at(5, 1000) == bytes.substr(5, 1000));
    CHECK(mount.files.reads() > 0);
  }
  REQUIRE(eventually([&] { return mount.files.open_handles() == 0; }));
  const uint64_t before = mount.files.reads();
  CHECK(read_file(mount.path("file")) == bytes);
  CHECK((mount.files.reads() == before) == mount.passes_through());
}

TEST_CASE("a file that the kernel does not take is served, and that is said once") {
  MountedFiles mount;
  const std::string bytes = random_bytes(300'000, 10);
  mount.files.put_badly_backed("one", bytes);
  mount.files.put("two", bytes);
  CHECK(read_file(mount.path("one")) == bytes);
  CHECK(read_file(mount.path("two")) == bytes);
  CHECK(mount.files.reads() > 0);
  // The log may come later than the answer.
  const auto said = [&](size_t from) { return mount.log().find("passthrough is off", from); };
  if (mount.passes_through()) REQUIRE(eventually([&] { return said(0) != std::string::npos; }));
  const size_t first = said(0);
  CHECK((first != std::string::npos) == mount.passes_through());
  if (first != std::string::npos) CHECK(said(first + 1) == std::string::npos);
}

TEST_CASE("many threads open, read and replace one file") {
  MountedFiles mount;
  const std::string bytes = random_bytes(100'000, 11);
  mount.files.put("file", bytes);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 100; ++round) {
        const int flags = i == 0 && round % 10 == 0 ? O_RDWR : O_RDONLY;
        int fd = -1;
        do {  // replaced twice while it was being opened
          fd = open(mount.path("file").c_str(), flags | O_CLOEXEC);
        } while (fd < 0 && errno == ESTALE);
        std::string got(bytes.size(), '\0');
        if (fd < 0 || pread(fd, got.data(), got.size(), 0) != static_cast<ssize_t>(got.size()) ||
            got != bytes)
          ++wrong;
        if (fd >= 0) close(fd);
        if (i == 1 && round % 7 == 0) mount.files.put("file", bytes);
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace penstock::test
