// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/make_link.h"

#include <utility>

#include "base/wall_clock.h"
#include "fs/changes/copied_files.h"

namespace penstock {

void MakeLink::start() {
  if (core_.mount.hard_links == MountOptions::HardLinks::off)
    return done_(
        Error(Code::not_permitted, "hard links are switched off, and an object has one key"));
  if (waits_for_name(request_.parent) || waits_for_name(request_.inode)) return;
  store_source();
}

std::optional<Error> MakeLink::refusal() const {
  if (core_.stopping) return mount_is_ending();
  if (request_.inode->type == FileType::directory) return Error(Code::not_permitted);
  if (request_.inode->deleted()) return Error(Code::not_found);
  if (const Result<std::string> key = core_.tree.key_of(*request_.inode); !key) return key.error();
  const Result<void> may = may_make(request_.parent, request_.name, FileType::file);
  if (!may) return may.error();
  return std::nullopt;
}

/// The bytes that both names shall have are those that were written until now.
void MakeLink::store_source() {
  std::optional<Error> refused;
  {
    const MutexLock lock(core_.tree.mutex);
    refused = refusal();
  }
  if (refused) return done_(*refused);
  parts_.committer.commit(
      request_.inode, [this, self = shared_from_this()](const Result<void>& stored) {
        // That another node has made the file first says nothing of the new name.
        if (!stored && stored.code() == Code::already_exists)
          return done_(stored.error().with_code(Code::changed));
        if (!stored) return done_(stored.error());
        parts_.attributes.learn(request_.inode, [this, self](const Result<void>& learned) {
          if (!learned) return done_(learned.error());
          copy();
        });
      });
}

void MakeLink::copy() {
  Result<CopyObject> copy = CopyObject();
  {
    const MutexLock lock(core_.tree.mutex);
    // A deletion of the directory may have begun meanwhile, and would not wait for this copy.
    if (waits_for(request_.parent)) return;
    copy = prepare();
    if (copy) use_directory(request_.parent);
  }
  if (!copy) return done_(copy.error());
  sent_ = core_.parts.scheduler.now();
  core_.parts.copier.copy(
      std::move(*copy),
      core_.tracked<ObjectInfo>(
          [this, self = shared_from_this()](const Result<ObjectInfo>& info) { copied(info); }));
}

Result<CopyObject> MakeLink::prepare() {
  if (const std::optional<Error> refused = refusal()) return *refused;
  const Inode& inode = *request_.inode;
  if (inode.etag.empty()) {
    // Empty, and nobody has closed it yet.
    return Error(Code::not_found, "it is not stored yet");
  }
  stored_ = attributes_of_copy(core_, inode, *request_.parent, request_.name);
  core_.tree.note_change(*request_.parent, request_.name);
  return CopyObject{
      .source = core_.tree.key_of(inode).value(),
      .target = core_.tree.child_key(*request_.parent, request_.name, FileType::file).value(),
      .size = inode.size,
      .etag = inode.etag,
      .metadata = to_metadata(stored_, inode.type),
      .condition = {.if_none_match = true}};
}

void MakeLink::copied(const Result<ObjectInfo>& info) {
  if (!info) {
    leave_directories();
    return refused(info.error());
  }
  InodePtr inode;
  Entry entry;
  {
    const MutexLock lock(core_.tree.mutex);
    inode = made(*info);
    entry = core_.tree.entry(inode);
  }
  leave_directories();
  parts_.attributes.note_carried(inode);
  done_(entry);
}

InodePtr MakeLink::made(const ObjectInfo& info) {
  Inode& source = *request_.inode;
  InodePtr made = core_.tree.add_child(request_.parent, request_.name, FileType::file);
  made->stored = stored_;
  made->stored_known = true;
  made->link_target = source.link_target;
  made->number = source.number != 0 ? source.number : source.id;
  made->size = info.size;
  made->etag = info.etag;
  Tree::modified_here(*made, info.last_modified_ns);
  made->mtime_ns = source.mtime_ns;
  made->ctime_ns = source.ctime_ns = wall_clock_ns();
  core_.tree.note_change(*request_.parent, request_.name);
  Tree::names_changed(*request_.parent);
  core_.tree.note_carried(*made);
  core_.tree.told_own(*made, sent_);
  return made;
}

/// S3 says the same of a taken name and of a source that is another version by now: whether there
/// is an object under the new name decides.
void MakeLink::refused(const Error& error) {
  if (!FsCore::is_refusal(error.code())) return done_(error);
  Result<std::string> target = Error(Code::not_found);
  {
    const MutexLock lock(core_.tree.mutex);
    target = core_.tree.child_key(*request_.parent, request_.name, FileType::file);
  }
  if (!target) return done_(target.error());
  core_.parts.store.head({.key = *target, .cancel = {}},
                         core_.tracked<ObjectInfo>([this, error, self = shared_from_this()](
                                                       const Result<ObjectInfo>& found) {
                           if (found)
                             return done_(core_.already_there(request_.parent, request_.name));
                           if (found.code() != Code::not_found) return done_(found.error());
                           if (tries_left_ == 0) return done_(error.with_code(Code::changed));
                           --tries_left_;
                           store_source();
                         }));
}

}  // namespace penstock
