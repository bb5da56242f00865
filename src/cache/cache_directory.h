// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "cache/map_format.h"

namespace penstock {

/// Where things are below the cache's directory, and the removal of a pair of files. Thread-safe,
/// but for prepare, which is called by one thread at a time. Failures are negated errno values.
class CacheDirectory {
 public:
  static constexpr uint32_t shard_count = 256;

  CacheDirectory(std::shared_ptr<Disk> disk, std::string directory);

  /// Makes the folders that are missing. The directory itself is made with its parents the first
  /// time only, and later only on the file system where it was then: a disk that is no longer
  /// mounted must not be replaced by the folder it was mounted on.
  int prepare();

  const std::string& root() const noexcept { return root_; }
  std::string usage_path() const { return version_ + "/usage"; }
  std::string members_path() const { return version_ + "/members"; }
  std::string seen_path() const { return version_ + "/seen"; }
  std::string recount_path() const { return version_ + "/recount"; }
  std::string shard_path(uint32_t shard) const;
  std::string data_path(const std::string& name) const { return path_of(name) + ".data"; }
  std::string map_path(const std::string& name) const { return path_of(name) + ".map"; }
  /// Makes the folder of `name`; 0 also where it exists.
  int make_shard(const std::string& name);

  /// The files of one version, as a folder's listing shows them.
  struct Pair {
    std::string name;
    bool has_data = false;
    bool has_map = false;
  };
  /// In no order. `unfinished`, where given, gets the paths of maps that were never put in place.
  /// What the cache does not make is passed over. A folder that is not there is empty.
  int list(uint32_t shard, std::vector<Pair>& pairs,
           std::vector<std::string>* unfinished = nullptr);

  enum class Removal : uint8_t { removed, in_use, used_since, failed };
  struct Removed {
    Removal outcome = Removal::failed;
    Usage freed;  ///< What both files occupied; one file where there was a map.
    int error = 0;
  };
  /// Removes a pair that no process has open; the map first, so that a crash in between leaves data
  /// that nobody believes. With `last_use_ns` only if its map was not touched after that.
  Removed remove(const std::string& name, std::optional<int64_t> last_use_ns = std::nullopt);

 private:
  std::string path_of(const std::string& name) const;
  int make_root();

  const std::shared_ptr<Disk> disk_;
  const std::string root_;
  const std::string version_;
  const std::string objects_;
  std::optional<uint64_t> device_;  // of root_ when it was first used; prepare's alone
};

}  // namespace penstock
