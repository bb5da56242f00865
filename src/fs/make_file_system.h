// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/epoch/known_files.h"
#include "data/write_back/write_back_engine.h"
#include "fs/nodes/parts.h"
#include "penstock/file_system.h"
#include "penstock/options.h"

namespace penstock {

/// A FileSystem that also talks back to the kernel.
class MountedFileSystem : public FileSystem {
 public:
  /// Must be called once, before the first operation; `kernel` must outlive the last one.
  virtual void attach(KernelCache& kernel) = 0;
  /// Files that an earlier mount promised to store are there at once, and are committed from now
  /// on. Before the first operation.
  virtual void restore(std::vector<RestoredFile> files) = 0;
  /// Looks, in the background, for what mounts that died have left in the bucket, and finishes it
  /// or takes it back. Once; not for a mount that may not write.
  virtual void recover() = 0;
  /// What is written to and not stored yet, in no order. Thread-safe.
  virtual std::vector<UnstoredFile> unstored() = 0;
  /// Where an inode is, from the mountpoint; nothing where it has no name any more. Thread-safe.
  virtual std::optional<std::string> path_of(InodeId inode) = 0;
  /// Names that are kept in memory, and the bytes that they take there. Thread-safe.
  struct Known {
    uint64_t names = 0;
    uint64_t bytes = 0;
  };
  virtual Known known() = 0;
  /// As FindKnownFiles: of the names that are known, those of small files. Thread-safe.
  virtual KnownFiles known_files(const KnownFilesRequest& request) = 0;
  /// What a read of a file that is not being written would fetch, as far as is known; nothing of
  /// anything else. Thread-safe, asks nobody.
  virtual std::optional<ObjectVersion> known_version(InodeId inode) = 0;
};

/// The file system of the keys under `prefix` (empty or ending in "/"). The parts must outlive it;
/// destroying it drops what is not committed, so shutdown() first.
std::unique_ptr<MountedFileSystem> make_file_system(FileSystemParts parts,
                                                    const std::string& prefix,
                                                    const MountOptions& mount,
                                                    const MetadataOptions& metadata);

}  // namespace penstock
