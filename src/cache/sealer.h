// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/disk.h"
#include "base/mutex.h"
#include "cache/cache_directory.h"
#include "cache/map_format.h"

namespace penstock {

class CacheFile;

/// Seals files that are whole, many with one flush of the disk: a flush for each would take longer
/// than to fetch a small object. Until its seal is written a file that has earned it is known here,
/// and nowhere else: who closes it and opens it again need not check it. Thread-safe.
class Sealer {
 public:
  /// Files that may wait. More are not sealed, and checked when they are next used.
  static constexpr size_t max_pending = 65536;

  struct Pending {
    std::string name;
    Seal seal;  ///< How the data looked when all of it was known to be right.
    uint64_t header_sum = 0;
    std::weak_ptr<CacheFile> file;  ///< Told where the flush fails.
  };

  Sealer(std::shared_ptr<Disk> disk, const CacheDirectory& directory)
      : disk_(std::move(disk)), directory_(directory) {}

  /// True where run() should be scheduled, once for all that is added until then.
  [[nodiscard]] bool add(Pending pending) EXCLUDES(mutex_);
  /// The seal of a file that was added, for as long as it is not written.
  std::optional<Seal> find(const std::string& name, uint64_t header_sum) const EXCLUDES(mutex_);
  /// The file is not what it was.
  void forget(const std::string& name) EXCLUDES(mutex_);
  /// Flushes the file system of `file`, then seals what was added before and has not changed since.
  /// 0, or a negated errno. Blocks on the disk.
  int run(const DiskFile& file) EXCLUDES(mutex_);

 private:
  int seal(const Pending& pending) const;
  void forget(const Pending& pending) EXCLUDES(mutex_);

  const std::shared_ptr<Disk> disk_;
  const CacheDirectory& directory_;
  mutable Mutex mutex_;
  // By their files' names; what run() has begun stays until it is written.
  std::unordered_map<std::string, Pending> pending_ GUARDED_BY(mutex_);
  bool scheduled_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
