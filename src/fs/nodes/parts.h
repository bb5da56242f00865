// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/scheduler.h"
#include "data/copy/object_copier.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "fs/nodes/mount_identity.h"
#include "penstock/file_system.h"
#include "penstock/options.h"

namespace penstock {

/// How far a rename of several objects is.
struct RenameState {
  enum class Phase : uint8_t { copying, deleting, undoing };
  std::string from;  ///< Keys, or prefixes that end in "/".
  std::string to;
  Phase phase = Phase::copying;
  uint64_t done = 0;
  uint64_t objects = 0;  ///< As far as they are listed.
};

/// A file whose last changes are neither in the store nor promised in a journal.
struct UnstoredFile {
  std::string path;  ///< From the mountpoint.
  uint64_t size = 0;
  bool open = false;  ///< A program has it open for writing.
};

/// What a file system is made of: it owns none of it, and all of it outlives it.
struct FileSystemParts {
  ObjectStore& store;
  ReadEngine& reads;
  WriteEngine& writes;
  ObjectCopier& copier;
  Scheduler& scheduler;
  /// Talks to the kernel, which may hold that up until an operation that it has under way has its
  /// answer: nothing that an answer needs may wait behind it. Two pieces of work at a time.
  Scheduler& notifier;
  std::shared_ptr<Log> log;
  bool sync_to_store = false;  ///< fsync waits for the store where writers keep promises, too.
  MountIdentity identity = {};
  /// The store's listings are in byte order, and may begin behind any key.
  bool ordered_listings = true;
  ArchiveOptions archive = {};
  /// Gets the renames under way whenever one begins, ends or has come on; must not block. Null:
  /// nobody wants to know.
  std::function<void(std::vector<RenameState>)> report_renames = {};
};

}  // namespace penstock
