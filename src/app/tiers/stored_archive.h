// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/tiers/archive_place.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "data/copy/object_copier.h"
#include "data/upload_registry.h"
#include "penstock/options.h"
#include "store/store_factory.h"

namespace penstock {

/// Objects of a bucket, without a mount.
class StoredArchive final : public ArchivePlace {
 public:
  /// What of the URL is meant.
  struct Scope {
    bool recursive = false;     ///< All that lies below it; else it names one object.
    bool only_classes = false;  ///< As ArchiveGiven's.
  };

  /// Asks the store for a listing, as a mount does. `state_directory` remembers unfinished copies.
  /// The error is a sentence for a person.
  static Result<std::unique_ptr<StoredArchive>> open(const StoreOptions& options, Scope scope,
                                                     const std::string& state_directory,
                                                     const std::shared_ptr<Log>& log);

  void list(const ArchiveVisitor& visit, const WarmFailure& failed) override;
  Result<ArchiveLook> look(const WarmFile& file) override;
  Result<void> restore(const WarmFile& file, const RestoreWish& wish) override;
  Result<bool> move(const WarmFile& file, const std::string& storage_class) override;
  LifecycleRules* lifecycle() override { return store_->lifecycle(); }

 private:
  StoredArchive(const StoreOptions& options, const StoreUrl& url, Scope scope);
  bool list_below(const ArchiveVisitor& visit, const WarmFailure& failed);
  Result<ObjectInfo> head(const std::string& key);

  const std::string url_;
  const std::string prefix_;  // of keys; empty or ends in "/"
  const Scope scope_;
  WorkerPool workers_;
  std::unique_ptr<OpenedStore> store_;
  std::unique_ptr<UploadRegistry> uploads_;
  std::unique_ptr<ObjectCopier> copier_;
};

}  // namespace penstock
