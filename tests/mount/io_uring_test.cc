// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "mount/mounted_files.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using IoUring = MountOptions::IoUring;
using Catch::Matchers::Contains;

bool can_have_io_uring() { return have_kernel_and_libfuse({6, 14}, {3, 18}); }

/// The fuse module's leave, given or taken for the duration of a test.
class ModuleParameter {
 public:
  explicit ModuleParameter(bool allowed) {
    std::ifstream(path) >> before_;
    std::ofstream(path) << (allowed ? "Y" : "N");
  }
  ~ModuleParameter() { std::ofstream(path) << before_; }
  ModuleParameter(const ModuleParameter&) = delete;
  ModuleParameter& operator=(const ModuleParameter&) = delete;

 private:
  static constexpr const char* path = "/sys/module/fuse/parameters/enable_uring";
  std::string before_;
};

TEST_CASE("io_uring that is asked for and cannot be had is an error that says why") {
  const ModuleParameter forbidden(false);
  CHECK_THROWS_WITH(MountedFiles(IoUring::on),
                    Contains("--io-uring=on cannot be had: ") &&
                        Contains(can_have_io_uring() ? "enable_uring" : "it"));
  const MountedFiles mount(IoUring::automatic);
  CHECK_FALSE(mount.features().io_uring.on);
  CHECK_FALSE(mount.features().io_uring.why_not.empty());
}

TEST_CASE("over io_uring everything is as it is without") {
  const ModuleParameter allowed(true);
  const IoUring wish = can_have_io_uring() ? IoUring::on : IoUring::automatic;
  MountedFiles mount(wish);
  CHECK(mount.features().io_uring.on == can_have_io_uring());
  const bool backed = GENERATE(false, true);
  const std::string bytes = random_bytes((5 << 20) + 123, 1);
  mount.files.put("file", bytes, backed);
  CHECK(read_file(mount.path("file")) == bytes);
  CHECK((mount.files.reads() > 0) == !(backed && mount.passes_through()));
  struct stat status {};
  CHECK(stat(mount.path("none").c_str(), &status) == -1);
  CHECK(errno == ENOENT);
  const std::string others = random_bytes((3 << 20) + 5, 2);
  write_file(mount.path("file"), others);
  CHECK(mount.files.bytes("file") == others);
  CHECK(read_file(mount.path("file")) == others);
}

TEST_CASE("over io_uring more requests than its queues hold are all answered") {
  const ModuleParameter allowed(true);
  MountedFiles mount(can_have_io_uring() ? IoUring::on : IoUring::automatic);
  const std::string bytes = random_bytes(1 << 20, 3);
  mount.files.put("file", bytes, false);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&, i] {
      const int fd = open(mount.path("file").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
      for (int round = 0; round < 20; ++round) {
        alignas(4096) char got[4096];
        const auto offset = static_cast<off_t>((i * 37 + round * 11) % 256) * 4096;
        if (pread(fd, got, sizeof got, offset) != sizeof got ||
            bytes.compare(static_cast<size_t>(offset), sizeof got, got, sizeof got) != 0)
          ++wrong;
      }
      close(fd);
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace penstock::test
