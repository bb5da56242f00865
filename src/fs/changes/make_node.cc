// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/make_node.h"

#include <utility>

#include "base/wall_clock.h"

namespace penstock {

void MakeNode::start() {
  Result<PutRequest> put = PutRequest();
  {
    const MutexLock lock(core_.tree.mutex);
    if (waits_for(request_.parent)) return;
    put = prepare();
    // A directory that is about to go takes the node along.
    if (put) use_directory(request_.parent);
  }
  if (!put) return done_(put.error());
  if (!request_.target.empty()) put->body = Body::of(request_.target);
  sent_ = core_.parts.scheduler.now();
  core_.parts.store.put(
      std::move(*put),
      core_.tracked<ObjectInfo>([this, self = shared_from_this()](const Result<ObjectInfo>& info) {
        put_answered(info);
      }));
}

Result<PutRequest> MakeNode::prepare() {
  if (core_.stopping) return mount_is_ending();
  const Result<void> may = may_make(request_.parent, request_.name, FileType::file);
  if (!may) return may.error();
  stored_ = core_.tree.initial_attributes(*request_.parent, request_.name, request_.type,
                                          request_.mode, request_.caller);
  const bool is_device =
      request_.type == FileType::character_device || request_.type == FileType::block_device;
  if (is_device) stored_.device = request_.device;
  PutRequest put;
  put.key = core_.tree.child_key(*request_.parent, request_.name, FileType::file).value();
  put.metadata = to_metadata(stored_, FileType::file);
  put.condition.if_none_match = true;
  core_.tree.note_change(*request_.parent, request_.name);
  return put;
}

void MakeNode::put_answered(const Result<ObjectInfo>& info) {
  Result<Entry> entry = Entry();
  InodePtr inode;
  if (info) {
    const MutexLock lock(core_.tree.mutex);
    inode = made(*info);
    entry = core_.tree.entry(inode);
  } else {
    entry = FsCore::is_refusal(info.code()) ? core_.already_there(request_.parent, request_.name)
                                            : info.error();
  }
  leave_directories();
  if (inode != nullptr) parts_.attributes.note_carried(inode);
  done_(std::move(entry));
}

InodePtr MakeNode::made(const ObjectInfo& info) {
  InodePtr inode = core_.tree.add_child(request_.parent, request_.name, FileType::file);
  inode->stored = stored_;
  inode->stored_known = true;
  inode->link_target = request_.target;
  inode->size = request_.target.size();
  inode->etag = info.etag;
  Tree::modified_here(*inode, info.last_modified_ns);
  inode->mtime_ns = inode->ctime_ns = wall_clock_ns();
  core_.tree.note_change(*request_.parent, request_.name);
  Tree::names_changed(*request_.parent);
  core_.tree.note_carried(*inode);
  core_.tree.told_own(*inode, sent_);
  return inode;
}

}  // namespace penstock
