// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/make_directory.h"

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"

namespace penstock {

void MakeDirectory::start() {
  sent_ = empty_since_ = core_.parts.scheduler.now();
  Result<PutRequest> marker = PutRequest();
  {
    const MutexLock lock(core_.tree.mutex);
    if (waits_for(request_.parent)) return;
    marker = prepare();
    if (marker) use_directory(request_.parent);
  }
  if (!marker) return done_(marker.error());
  core_.parts.store.put(
      std::move(*marker),
      core_.tracked<ObjectInfo>([this, self = shared_from_this()](const Result<ObjectInfo>& info) {
        put_answered(info);
      }));
}

Result<PutRequest> MakeDirectory::prepare() {
  if (core_.stopping) return mount_is_ending();
  const Result<void> may = may_make(request_.parent, request_.name, FileType::directory);
  if (!may) return may.error();
  stored_ = core_.tree.initial_attributes(*request_.parent, request_.name, FileType::directory,
                                          request_.mode, request_.caller);
  PutRequest marker;
  marker.key = core_.tree.child_key(*request_.parent, request_.name, FileType::directory).value();
  marker.metadata = to_metadata(stored_, FileType::directory);
  marker.condition.if_none_match = true;
  if (const auto absent = core_.tree.absent_since(*request_.parent, request_.name))
    empty_since_ = std::min(sent_, *absent);
  core_.tree.note_change(*request_.parent, request_.name);
  return marker;
}

void MakeDirectory::put_answered(const Result<ObjectInfo>& info) {
  Result<Entry> entry = Entry();
  if (!info) {
    entry = FsCore::is_refusal(info.code()) ? core_.already_there(request_.parent, request_.name)
                                            : info.error();
  } else {
    InodePtr inode;
    {
      const MutexLock lock(core_.tree.mutex);
      inode = made(*info);
      entry = core_.tree.entry(inode);
    }
    parts_.attributes.note_carried(inode);
  }
  leave_directories();
  done_(std::move(entry));
}

InodePtr MakeDirectory::made(const ObjectInfo& info) {
  InodePtr inode = core_.tree.child(*request_.parent, request_.name);
  if (inode == nullptr || inode->type != FileType::directory)
    inode = core_.tree.add_child(request_.parent, request_.name, FileType::directory);
  inode->stored = stored_;
  inode->stored_known = true;
  inode->etag = info.etag;
  Tree::modified_here(*inode, info.last_modified_ns);
  inode->mtime_ns = inode->ctime_ns = wall_clock_ns();
  DirectoryState& state = *inode->directory;
  state.complete = state.own = state.made_here = state.has_marker = true;
  core_.tree.told_own(*inode, sent_);
  state.listed = {empty_since_, inode->told.lasts};
  core_.tree.note_change(*request_.parent, request_.name);
  Tree::names_changed(*request_.parent);
  core_.tree.note_carried(*inode);
  return inode;
}

}  // namespace penstock
