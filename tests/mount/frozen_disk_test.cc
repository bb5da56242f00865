// SPDX-License-Identifier: Apache-2.0
// A cache whose disk does not answer: nobody waits for it but the threads that are in it.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "mount/loop_disk.h"
#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

constexpr uint64_t mib = 1ULL << 20;

/// True where only threads are left of a process that the kernel does not let end.
bool has_ended(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const size_t name = text.rfind(')');
  return name == std::string::npos || text[name + 2] == 'Z';
}

TEST_CASE("a cache whose disk hangs holds up no read, no open and no end of the mount") {
  const LoopDisk disk("ext4", 96 * mib);
  TestServer server;
  for (const char* name : {"kept", "new", "other", "last"})
    server.put_synthetic("test", name, 3 * mib + 123);
  const auto right = [&](const Mounted& mount, const std::string& name) {
    return read_file(mount.path(name)) == synthetic_bytes(name, 0, 3 * mib + 123);
  };
  Mounted mount(server, {.options = {"--cache-dir", (disk.path() / "cache").string(),
                                     "--cache-size", "100%"}});
  CHECK(right(mount, "kept"));
  {
    FrozenDisk frozen(disk);
    // The cache has to make a file for it, which hangs.
    CHECK(right(mount, "new"));
    CHECK(frozen.still());
    CHECK(right(mount, "kept"));
    CHECK(frozen.still());
    for (const char* name : {"new", "kept", "other", "last"}) {
      const int fd = open(mount.path(name).c_str(), O_RDONLY | O_CLOEXEC);
      CHECK(fd >= 0);
      close(fd);
    }
    CHECK(frozen.still());
    CHECK(right(mount, "other"));
    CHECK(right(mount, "last"));
    CHECK(frozen.still());
    CHECK(mount.log().find("the disk does not answer") != std::string::npos);
    REQUIRE(umount2(mount.path().c_str(), 0) == 0);
    CHECK(eventually([&] { return has_ended(mount.pid()); }, 60));
    CHECK(frozen.still());
  }
  // The threads in the disk were all that was left.
  CHECK(mount.terminate(60) == 0);
}

TEST_CASE("a disk that answers again is used again by the next mount") {
  const LoopDisk disk("ext4", 96 * mib);
  TestServer server;
  server.put_synthetic("test", "f", 3 * mib);
  const MountSettings settings{
      .options = {"--cache-dir", (disk.path() / "cache").string(), "--cache-size", "100%"}};
  {
    FrozenDisk frozen(disk);
    // A mount begins without a cache whose disk does not answer.
    Mounted mount(server, settings);
    CHECK(read_file(mount.path("f")) == synthetic_bytes("f", 0, 3 * mib));
    CHECK(frozen.still());
    frozen.thaw();
    CHECK(mount.unmount() == 0);
  }
  Mounted mount(server, settings);
  CHECK(eventually([&] {
    server.reset_stats();
    const bool same = read_file(mount.path("f")) == synthetic_bytes("f", 0, 3 * mib);
    const int fd = open(mount.path("f").c_str(), O_RDONLY | O_CLOEXEC);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return same && server.stats().requests["GetObject"] == 0;
  }));
  CHECK(mount.unmount() == 0);
}

}  // namespace
}  // namespace penstock::test
