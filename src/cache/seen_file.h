// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/disk.h"
#include "cache/cache_directory.h"

namespace penstock {

/// The file `seen`: when versions that are not in the cache were last read, for all processes that
/// share the directory and over restarts. It has a bounded number of places, which newer reads take
/// from older ones, and may be lost or damaged: what it does not know is new. docs/cache.md has the
/// format. Thread-safe. All of it blocks on the disk; failures are negated
/// errno values.
class SeenFile {
 public:
  SeenFile(std::shared_ptr<Disk> disk, const CacheDirectory& directory)
      : disk_(std::move(disk)), directory_(directory) {}

  /// Nothing where it is not known.
  std::optional<int64_t> last_read_ns(const std::string& name) const;
  /// Begins the file where it is missing: for a cache of `cache_bytes`.
  int note(const std::string& name, int64_t read_ns, uint64_t cache_bytes) const;

 private:
  const std::shared_ptr<Disk> disk_;
  const CacheDirectory& directory_;
};

}  // namespace penstock
