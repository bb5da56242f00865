// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "frontend/fuse_session.h"
#include "mount/backed_files.h"
#include "mount/mounted_bucket.h"

namespace penstock::test {

/// BackedFiles mounted in this process: the frontend alone. When it ends, no handle may be left
/// open.
class MountedFiles {
 public:
  explicit MountedFiles(MountOptions::IoUring io_uring = MountOptions::IoUring::off);
  ~MountedFiles();
  MountedFiles(const MountedFiles&) = delete;
  MountedFiles& operator=(const MountedFiles&) = delete;

  std::string path(const std::string& name) const { return (mountpoint() / name).string(); }
  std::string log() const { return read_file(folder_.path() / "log"); }
  const FuseFeatures& features() const { return session_->features(); }
  bool passes_through() const { return features().passthrough.on; }
  /// Descriptors of this process on backing files.
  size_t backing_descriptors() const;

 private:
  std::filesystem::path mountpoint() const { return folder_.path() / "mnt"; }
  TempFolder folder_;

 public:
  BackedFiles files{folder_.path() / "backing"};

 private:
  std::unique_ptr<FuseSession> session_;
  std::thread server_;
  bool served_ = false;
};

/// True where the kernel and the libfuse that this was built with are at least as new, and this is
/// root. By the test's own means: a feature that is off without need would fail no other check.
bool have_kernel_and_libfuse(std::pair<int, int> kernel, std::pair<int, int> libfuse);

}  // namespace penstock::test
