// SPDX-License-Identifier: Apache-2.0
#include "mount/mounted_files.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

#include "support/catch.h"

namespace penstock::test {

namespace fs = std::filesystem;

MountedFiles::MountedFiles(MountOptions::IoUring io_uring) {
  fs::create_directory(mountpoint());
  fs::create_directory(folder_.path() / "backing");
  MountOptions options;
  options.mountpoint = mountpoint();
  options.io_uring = io_uring;
  Result<std::unique_ptr<FuseSession>> session =
      FuseSession::mount(files, options, std::chrono::seconds(1), "backed-files",
                         Log::to_file(folder_.path() / "log", LogLevel::info));
  if (!session) throw std::runtime_error(std::string(session.error().message()));
  session_ = std::move(*session);
  server_ = std::thread([this] { served_ = session_->run().has_value(); });
}

MountedFiles::~MountedFiles() {
  CHECK(eventually([this] { return files.open_handles() == 0; }));
  CHECK(eventually([this] { return backing_descriptors() == 0; }));
  session_->unmount(true);
  server_.join();
  CHECK(served_);
}

size_t MountedFiles::backing_descriptors() const {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const fs::path target = fs::read_symlink(entry, gone);
    if (target.string().starts_with((folder_.path() / "backing").string())) ++count;
  }
  return count;
}

bool have_kernel_and_libfuse(std::pair<int, int> kernel, std::pair<int, int> libfuse) {
  utsname name{};
  uname(&name);
  std::pair<int, int> running;
  std::pair<int, int> built_with;
  REQUIRE(std::sscanf(name.release, "%d.%d", &running.first, &running.second) == 2);
  REQUIRE(std::sscanf(PENSTOCK_LIBFUSE_VERSION, "%d.%d", &built_with.first, &built_with.second) ==
          2);
  return geteuid() == 0 && running >= kernel && built_with >= libfuse;
}

}  // namespace penstock::test
