// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "penstock/cache_share.h"
#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// One file that shall be in the cache.
struct WarmFile {
  std::string name;  ///< The path in a mount, or the key.
  uint64_t size = 0;
  ETag etag;  ///< Of an object; of a file in a mount nothing, the mount knows it.
  /// Of an object: its class leaves open whether it can be read.
  bool ask_archive = false;
};

/// A failure that belongs to one name.
using WarmFailure = std::function<void(const std::string& name, const std::string& why)>;
/// False ends the listing.
using WarmVisitor = std::function<bool(WarmFile file)>;

/// Told of bytes that were read; returns how many may wait for the disk.
using WarmStep = std::function<uint64_t(uint64_t bytes)>;

/// Where files come from, and which cache they go to. All methods block, and are thread-safe.
class WarmPlace {
 public:
  virtual ~WarmPlace() = default;

  /// Tells `visit` of every file that was asked for.
  virtual void list(const WarmVisitor& visit, const WarmFailure& failed) = 0;

  /// What the cache has of the file. not_supported: there is no cache.
  virtual Result<CacheShare> share(const WarmFile& file) = 0;

  /// Reads a range, which passes through the cache, in steps of at most `scratch`. `step` is told
  /// how many bytes each had, and says how many of the file's bytes may wait for the cache's disk
  /// before the next one.
  virtual Result<void> read(const WarmFile& file, ByteRange range, std::span<std::byte> scratch,
                            const WarmStep& step) = 0;
};

}  // namespace penstock
