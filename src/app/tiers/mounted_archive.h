// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/tiers/archive_place.h"
#include "app/warm/mounted_files.h"

namespace penstock {

/// Files of running mounts, which ask the store for what their extended attributes say.
class MountedArchive final : public ArchivePlace {
 public:
  explicit MountedArchive(WarmRequest request) : files_(std::move(request)) {}

  void list(const ArchiveVisitor& visit, const WarmFailure& failed) override;
  Result<ArchiveLook> look(const WarmFile& file) override;
  Result<void> restore(const WarmFile& file, const RestoreWish& wish) override;
  Result<bool> move(const WarmFile& file, const std::string& storage_class) override;

 private:
  MountedFiles files_;
};

}  // namespace penstock
