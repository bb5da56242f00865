// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/changes/change.h"

namespace penstock {

/// mkdir(2): an empty object under the directory's key, where there is none.
///
///     the parent's name is settled → PUT "dir/", if nothing is there → told to the tree
class MakeDirectory final : public NameChange {
 public:
  struct Request {
    InodePtr parent;
    std::string name;
    uint32_t mode = 0;
    Caller caller;
  };
  /// already_exists where the mount knows the name, or the store has it.
  MakeDirectory(const ChangeParts& parts, Request request, Done<Entry> done)
      : NameChange(parts), request_(std::move(request)), done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  /// Why it cannot be made; or the request that makes it.
  Result<PutRequest> prepare() REQUIRES(core_.tree.mutex);
  void put_answered(const Result<ObjectInfo>& info) EXCLUDES(core_.tree.mutex);
  InodePtr made(const ObjectInfo& info) REQUIRES(core_.tree.mutex);

  const Request request_;
  Done<Entry> done_;
  StoredAttributes stored_;
  /// Another client may put something into the directory before the store has made it, and
  /// answered.
  Scheduler::Time sent_{};
  /// The store tells that the directory had no object of its own, not that nothing was in it.
  Scheduler::Time empty_since_{};
};

}  // namespace penstock
