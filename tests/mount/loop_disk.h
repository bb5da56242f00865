// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "mount/mounted_bucket.h"

namespace penstock::test {

/// A small file system of its own, in a file that is mounted over a loop device: a disk that can be
/// filled. It is taken down at the end; where the test is killed before, scripts/test does that,
/// as with every mount below its folder for temporary files.
/// Needs root, or sudo that asks for no password. Methods throw std::runtime_error or
/// std::system_error.
class LoopDisk {
 public:
  /// `type` is "ext4" or "xfs", which takes no less than 300 MiB.
  LoopDisk(const std::string& type, uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const;       ///< As statvfs says it: less than `bytes`.
  uint64_t available() const;  ///< To users other than root.

  /// Occupies the disk but for at most `left` bytes of what root may use, by a file beside the
  /// tested ones.
  void fill(uint64_t left) const;
  /// Makes empty files until there can be no more: a disk with room that takes no file. Not for
  /// XFS, which has as many as there is room for.
  void use_up_inodes() const;
  void remove_filling() const { std::filesystem::remove(path_ / "filling"); }

 private:
  TempFolder folder_;  // goes after the mount
  std::filesystem::path path_;
};

}  // namespace penstock::test
