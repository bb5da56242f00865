// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/warm/warm_place.h"

namespace penstock {

/// What shall be fetched.
struct WarmRequest {
  struct Path {
    std::string path;  ///< Canonical, inside a mount.
    dev_t mount = 0;   ///< The mount's device number.
  };
  std::vector<Path> paths;
  bool recursive = false;
  std::string manifest;  ///< Empty: none. Then there is one path, which its names lie below.
};

/// Files of running mounts, read through these.
class MountedFiles final : public WarmPlace {
 public:
  explicit MountedFiles(WarmRequest request) : request_(std::move(request)) {}

  void list(const WarmVisitor& visit, const WarmFailure& failed) override;
  Result<CacheShare> share(const WarmFile& file) override;
  Result<void> read(const WarmFile& file, ByteRange range, std::span<std::byte> scratch,
                    const WarmStep& step) override;

 private:
  const WarmRequest request_;
};

}  // namespace penstock
