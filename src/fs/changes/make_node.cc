// SPDX-License-Identifier: Apache-2.0
// NameOperations: symbolic links, FIFOs, sockets, device nodes, empty files.
#include <utility>

#include "base/wall_clock.h"
#include "fs/changes/name_operations.h"

namespace penstock {

void NameOperations::make_node(const MakeNode& request, Done<Entry> done) {
  core_.when_name_settled(request.parent, [this, request, done = std::move(done)]() mutable {
    put_node(request, std::move(done));
  });
}

std::optional<Error> NameOperations::refuse_node(const MakeNode& request) const {
  if (core_.stopping) return mount_is_ending();
  const Result<void> valid = core_.tree.check_name(*request.parent, request.name, FileType::file,
                                                   core_.limits.max_key_bytes);
  if (!valid) return valid.error();
  if (core_.tree.child(*request.parent, request.name) != nullptr)
    return Error(Code::already_exists);
  return std::nullopt;
}

void NameOperations::put_node(const MakeNode& request, Done<Entry> done) {
  PutRequest put;
  StoredAttributes stored;
  bool waits = false;
  std::optional<Error> refused;
  {
    const MutexLock lock(core_.tree.mutex);
    refused = refuse_node(request);
    waits = !refused && core_.leaving(*request.parent);
    if (!refused && !waits) {
      stored = core_.tree.initial_attributes(*request.parent, request.name, request.type,
                                             request.mode, request.caller);
      const bool is_device =
          request.type == FileType::character_device || request.type == FileType::block_device;
      if (is_device) stored.device = request.device;
      put.key = core_.tree.child_key(*request.parent, request.name, FileType::file).value();
      put.metadata = to_metadata(stored, FileType::file);
      put.condition.if_none_match = true;
      core_.tree.note_change(*request.parent, request.name);
      // A directory that is about to go takes it along.
      core_.begin_work(*request.parent);
    }
  }
  if (refused) return done(*refused);
  if (waits) return make_node(request, std::move(done));
  if (!request.target.empty()) put.body = Body::of(request.target);
  const Scheduler::Time sent = core_.parts.scheduler.now();
  core_.parts.store.put(
      std::move(put),
      core_.tracked<ObjectInfo>(
          [this, request, stored, sent, done = std::move(done)](Result<ObjectInfo> info) mutable {
            if (!info && FsCore::is_refusal(info.code()))
              info = core_.already_there(request.parent, request.name);
            Entry entry;
            InodePtr inode;
            if (info) {
              const MutexLock lock(core_.tree.mutex);
              inode = core_.tree.add_child(request.parent, request.name, FileType::file);
              inode->stored = stored;
              inode->stored_known = true;
              inode->link_target = request.target;
              inode->size = request.target.size();
              inode->etag = info->etag;
              Tree::modified_here(*inode, info->last_modified_ns);
              inode->mtime_ns = inode->ctime_ns = wall_clock_ns();
              core_.tree.note_change(*request.parent, request.name);
              Tree::names_changed(*request.parent);
              core_.tree.note_carried(*inode);
              core_.tree.told_own(*inode, sent);
              entry = core_.tree.entry(inode);
            }
            core_.end_work(*request.parent);
            if (!info) return done(info.error());
            attributes_.note_carried(inode);
            done(entry);
          }));
}

}  // namespace penstock
