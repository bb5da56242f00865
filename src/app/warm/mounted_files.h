// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/warm/warm_place.h"

namespace penstock {

/// What shall be fetched.
struct WarmRequest {
  std::vector<std::string> paths;  ///< Canonical paths inside mounts, or URLs.
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
  bool visit_path(const std::string& path, bool recursive, const WarmVisitor& visit,
                  const WarmFailure& failed) const;
  bool walk(const std::string& directory, const WarmVisitor& visit,
            const WarmFailure& failed) const;

  const WarmRequest request_;
};

}  // namespace penstock
