// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fs/moves/lease.h"
#include "fs/nodes/core.h"

namespace penstock {

/// The copies of objects that were deleted while programs had them open (see own_names.h): each is
/// there until the last handle is gone. Thread-safe.
class DeletedFiles {
 public:
  DeletedFiles(FsCore& core, Lease& lease) : core_(core), lease_(lease) {}

  struct Copy {
    std::string key;      ///< Empty: there is none.
    bool leased = false;  ///< The lease was held for it.
  };

  std::string new_key() const { return core_.own.deleted(core_.new_own_id()); }
  /// Before the copy is made.
  void lease(Done<void> done) { lease_.hold(std::move(done)); }

  /// Takes from the inode what its handles do not need any more; under Tree::mutex.
  static Copy take(Inode& inode) {
    if (inode.kept_key.empty()) return {};
    // Without a copy at first there may be an object by now: one that a large file's own bytes were
    // read back from.
    const bool stored = inode.kept_copy || (inode.writer() != nullptr && inode.writer()->base());
    Copy copy{.key = stored ? inode.kept_key : std::string(), .leased = inode.kept_copy};
    inode.kept_copy = false;
    return copy;
  }
  void drop(const Copy& copy) {
    if (copy.key.empty()) return;
    const auto note = [&core = core_, key = copy.key](const Result<void>& removed) {
      if (!removed)
        core.parts.log->warning("'{}', the rest of a deleted file, stays until a later mount: {}",
                                key, removed.error().describe());
    };
    if (copy.leased) return lease_.release(copy.key, note);
    core_.parts.store.remove(copy.key, core_.tracked<void>(note));
  }

 private:
  FsCore& core_;
  Lease& lease_;
};

}  // namespace penstock
