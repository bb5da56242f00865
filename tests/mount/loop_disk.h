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

/// Keeps a LoopDisk's file system from writing while it lives: whoever writes there hangs, as on a
/// disk that does not answer. A process of its own freezes it and lets it go again, also where the
/// test dies, and after `limit_s` seconds in any case: what hangs on a frozen file system cannot be
/// killed, and the machine cannot sync. Throws std::runtime_error or std::system_error.
class FrozenDisk {
 public:
  explicit FrozenDisk(const LoopDisk& disk, int limit_s = 40);
  ~FrozenDisk() { thaw(); }
  FrozenDisk(const FrozenDisk&) = delete;
  FrozenDisk& operator=(const FrozenDisk&) = delete;

  /// False once the time is over: what has happened by then was no answer to a frozen disk.
  bool still() const;
  /// Returns when the disk answers again.
  void thaw();

 private:
  int hold_ = -1;   // the disk is let go when this is closed, by whatever end of the test
  int state_ = -1;  // ends when it was let go
};

}  // namespace penstock::test
