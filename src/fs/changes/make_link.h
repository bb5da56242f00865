// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "fs/changes/change.h"

namespace penstock {

/// link(2). An object has one key, so the new name gets a copy of the object; from then on the two
/// are two files.
///
///     both names are settled → what is unsent is stored → what the object carries is learnt
///       → copy, if nothing is there → told to the tree
class MakeLink final : public NameChange {
 public:
  struct Request {
    InodePtr inode;
    InodePtr parent;
    std::string name;
  };
  /// already_exists where the name is taken, not_permitted for directories and where the mount was
  /// told so.
  MakeLink(const ChangeParts& parts, Request request, Done<Entry> done)
      : NameChange(parts), request_(std::move(request)), done_(std::move(done)) {}

  void start() override EXCLUDES(core_.tree.mutex);

 private:
  std::optional<Error> refusal() const REQUIRES(core_.tree.mutex);
  void store_source() EXCLUDES(core_.tree.mutex);
  void copy() EXCLUDES(core_.tree.mutex);
  /// Why there can be no copy; or the request that makes it.
  Result<CopyObject> prepare() REQUIRES(core_.tree.mutex);
  void copied(const Result<ObjectInfo>& info) EXCLUDES(core_.tree.mutex);
  InodePtr made(const ObjectInfo& info) REQUIRES(core_.tree.mutex);
  void refused(const Error& error) EXCLUDES(core_.tree.mutex);

  const Request request_;
  Done<Entry> done_;
  StoredAttributes stored_;
  Scheduler::Time sent_{};
  /// How often the copy may begin anew because another version was stored meanwhile.
  uint32_t tries_left_ = 5;
};

}  // namespace penstock
