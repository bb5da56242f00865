// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/changes/change.h"

namespace penstock {

/// symlink(2) and mknod(2): what has no contents that are written. A symbolic link, a FIFO, a
/// socket, a device node, an empty file: an object in the store when `done` is called.
///
///     the parent's name is settled → PUT, if nothing is there → told to the tree
class MakeNode final : public NameChange {
 public:
  struct Request {
    InodePtr parent;
    std::string name;
    FileType type = FileType::file;
    uint32_t mode = 0;
    uint32_t device = 0;
    std::string target;  ///< Of a symbolic link; becomes the object's bytes, as s3fs has it.
    Caller caller;
  };
  /// already_exists where the mount knows the name, or the store has it.
  MakeNode(const ChangeParts& parts, Request request, Done<Entry> done)
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
  Scheduler::Time sent_{};
};

}  // namespace penstock
