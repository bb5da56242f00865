// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "app/access/access_record.h"
#include "app/owned_fd.h"
#include "base/mutex.h"
#include "penstock/result.h"

namespace penstock {

/// What became of an operation that was played.
struct Played {
  int error = 0;  ///< An errno; 0: it worked.
  uint64_t bytes = 0;
};

/// The directory on which operations of an access log are played, by system calls. Nothing outside
/// it is touched, whatever the log says: paths are resolved below it, and follow no symbolic link.
/// Thread-safe; the order is the caller's.
class ReplayTarget {
 public:
  /// With `changes` also what changes files is played: writes write bytes of its own making. The
  /// error is a sentence for a person.
  static Result<std::unique_ptr<ReplayTarget>> open(const std::string& directory, bool changes);

  /// Nothing where it is not played: a change without `changes`, or the part of it that came by a
  /// handle which that would have opened; an operation that no program can repeat.
  std::optional<Played> play(const AccessRecord& record);

 private:
  using File = std::shared_ptr<const OwnedFd>;
  enum class Kind : uint8_t { file, directory };

  /// Open files by the log's handles. Thread-safe.
  class Files {
   public:
    void add(uint64_t handle, File file) EXCLUDES(mutex_);
    File find(uint64_t handle) const EXCLUDES(mutex_);
    File take(uint64_t handle) EXCLUDES(mutex_);
    void clear() EXCLUDES(mutex_);

   private:
    mutable Mutex mutex_;
    std::unordered_map<uint64_t, File> files_ GUARDED_BY(mutex_);
  };

  /// The directory that holds a path's last name, and that name.
  struct Name {
    OwnedFd directory;  ///< None: `error` says why.
    std::string name;
    int error = 0;
  };

  ReplayTarget(OwnedFd root, bool changes) : root_(std::move(root)), changes_(changes) {}

  int open_below(const std::string& path, int flags, uint32_t mode) const;
  Name name_of(const std::string& path) const;
  Played open_file(const AccessRecord& record, bool creates);
  Played open_directory(const AccessRecord& record);
  Played look_up(const AccessRecord& record) const;
  Played ask_path(const AccessRecord& record) const;
  std::optional<Played> use_file(const AccessRecord& record);
  std::optional<Played> change(const AccessRecord& record);
  Played change_name(const AccessRecord& record) const;
  Played change_two_names(const AccessRecord& record) const;
  Played set_attributes(const AccessRecord& record) const;

  const OwnedFd root_;
  const bool changes_;
  Files files_;
  Files directories_;
};

}  // namespace penstock
