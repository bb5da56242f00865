// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/scheduler.h"
#include "data/copy/object_copier.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "data/write_back/write_back_engine.h"
#include "penstock/file_system.h"
#include "penstock/options.h"

namespace penstock {

struct FileSystemParts {
  ObjectStore& store;
  ReadEngine& reads;
  WriteEngine& writes;
  ObjectCopier& copier;
  Scheduler& scheduler;
  std::shared_ptr<Log> log;
  bool sync_to_store = false;  ///< fsync waits for the store where writers keep promises, too.
};

/// A FileSystem that also talks back to the kernel.
class MountedFileSystem : public FileSystem {
 public:
  /// Must be called once, before the first operation; `kernel` must outlive the last one.
  virtual void attach(KernelCache& kernel) = 0;
  /// Files that an earlier mount promised to store are there at once, and are committed from now
  /// on. Before the first operation.
  virtual void restore(std::vector<RestoredFile> files) = 0;
};

/// The file system of the keys under `prefix` (empty or ending in "/"). The parts must outlive it;
/// destroying it drops what is not committed, so shutdown() first.
std::unique_ptr<MountedFileSystem> make_file_system(FileSystemParts parts, std::string prefix,
                                                    const MountOptions& mount,
                                                    const MetadataOptions& metadata);

}  // namespace penstock
