// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// A nameless file on a local disk for the bytes of one file that memory cannot hold, each at its
/// own offset. It goes away with its last owner, also when the process is killed. Methods block on
/// the disk; they may be called at the same time for ranges that do not overlap.
class StagingFile {
 public:
  /// In `directory`; empty: $TMPDIR, or /var/tmp where that is not set.
  static Result<std::shared_ptr<StagingFile>> create(const std::string& directory);
  /// Bytes that are free there; 0 where nobody knows.
  static uint64_t free_space(const std::string& directory);
  explicit StagingFile(int descriptor);
  ~StagingFile();
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;

  /// no_space where the disk is full. Past the page cache where the file system can, and what is
  /// written is large and aligned: it is hardly ever read again.
  Result<void> write(uint64_t offset, std::span<const std::byte> data);
  Result<void> read(uint64_t offset, std::span<std::byte> out) const;

  /// Bytes of the file without a copy of them that the memory budget would have to pay for: the
  /// page cache has them.
  struct Mapping {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  /// `range` must have been written. Brings it in from the disk; a read error shows here and not as
  /// a signal later.
  Result<Mapping> map(ByteRange range) const;

 private:
  Result<void> write_to(int descriptor, uint64_t offset, std::span<const std::byte> data);

  const int descriptor_;
  const int direct_;  ///< Of the same file with O_DIRECT; -1: cannot be had.
};

}  // namespace penstock
