// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fs/moves/journalled_rename.h"
#include "fs/moves/lease.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Looks for what mounts that died have left in the bucket (see own_names.h): ends their renames or
/// takes them back, and removes the rest. One LIST where there is nothing; as long as another mount
/// has something there it looks again now and then. Thread-safe; outlives what it has begun.
class Recovery {
 public:
  Recovery(FsCore& core, Lease& lease, JournalledRenames& renames)
      : core_(core), lease_(lease), renames_(renames) {}

  /// Begins. `changed` is called after names have changed in the store without the mount's doing.
  void start(std::function<void(const Move&)> changed);
  /// This mount itself has left something in the bucket, such as a rename that stopped halfway.
  void look_again() EXCLUDES(mutex_);

 private:
  struct Found;
  struct Look;

  void plan(std::chrono::nanoseconds pause) EXCLUDES(mutex_);
  void look();
  void take(const std::map<std::string, ObjectInfo>& objects);
  std::shared_ptr<Look> sort(const std::map<std::string, ObjectInfo>& objects) const;
  void look_closer(int64_t now_ns);
  void give_up(const Error& error);
  void judge(const std::shared_ptr<Look>& look);
  void next(const std::shared_ptr<Look>& look);
  bool dead(const Look& look, const std::string& mount) const;
  void take_intent(const std::shared_ptr<Look>& look, const std::string& id,
                   const ObjectInfo& object);
  void claim(const std::shared_ptr<Look>& look, const std::shared_ptr<HeldIntent>& held);
  void sweep(const std::shared_ptr<Look>& look);
  void end(const std::shared_ptr<Look>& look);

  FsCore& core_;
  Lease& lease_;
  JournalledRenames& renames_;
  std::function<void(const Move&)> changed_;
  Mutex mutex_;
  bool planned_ GUARDED_BY(mutex_) = false;
  std::chrono::seconds pause_ GUARDED_BY(mutex_){0};
};

}  // namespace penstock
