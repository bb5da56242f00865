// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/relocation.h"

#include <optional>
#include <utility>

#include "base/wall_clock.h"
#include "fs/changes/store_below.h"

namespace penstock {

void Relocation::start() {
  if (inode_->type == FileType::directory || !ask_for_target()) settle();
}

bool Relocation::ask_for_target() {
  Result<std::string> key = Error(Code::not_found);
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr target = core_.tree.child(*move_.new_parent, move_.new_name);
    const bool stored = target != nullptr && target->type == FileType::file &&
                        (!target->local_only || !target->replaces.empty());
    if (stored && unsent() && !target->told.holds(core_.parts.scheduler.now()))
      key = core_.tree.child_key(*move_.new_parent, move_.new_name, FileType::file);
  }
  if (!key) return false;
  core_.parts.store.head(
      {.key = std::move(*key), .cancel = {}},
      core_.tracked<ObjectInfo>([this, self = shared_from_this()](const Result<ObjectInfo>& there) {
        // Where there is no answer the file is stored over what was known, at worst beside what is
        // there. Some servers have objects without ETags.
        if (there && !there->etag.empty()) target_version_ = there->etag;
        if (!there && there.code() == Code::not_found) target_version_ = ETag();
        settle();
      }));
  return true;
}

void Relocation::settle() {
  if (inode_->type == FileType::file && rename_unsent())
    return parts_.committer.renew_promise(inode_, std::move(done_));
  // Writes to the file wait from here on: what came after its copy was made would be lost with the
  // old key.
  leaving_ = core_.leave(inode_);
  core_.when_quiet(inode_, [this, self = shared_from_this()] {
    store_below(parts_, inode_, [this, self](Result<void> stored) {
      if (!stored) return finish(std::move(stored));
      move_stored();
    });
  });
}

void Relocation::move_stored() {
  const bool at_once = core_.limits.renames && inode_->type == FileType::file;
  at_once ? rename_object() : copy_and_remove();
}

bool Relocation::rename_unsent() {
  Deferred after;
  const MutexLock lock(core_.tree.mutex);
  const Result<std::string> key =
      core_.tree.child_key(*move_.new_parent, move_.new_name, FileType::file);
  if (!key) return false;  // which keys() tells
  const InodePtr target = core_.tree.child(*move_.new_parent, move_.new_name);
  FileWriter* const replaced = target == nullptr ? nullptr : target->writer().get();
  const bool local = unsent();
  // A commit under way that is not of a promise has the old name, and attributes that fit it.
  const bool named = local && inode_->commits_running > 0 && !inode_->writer()->pending();
  // O_EXCL was about the old name.
  const NewName name{.key = *key, .exclusive = move_.no_replace};
  if (!local || named || !inode_->writer()->rename(name, replaced, after)) return false;
  core_.tree.set_headers(inode_->stored, *move_.new_parent, move_.new_name);
  if (target != nullptr) take_over(*target);
  sent_ = core_.parts.scheduler.now();
  moved();
  return true;
}

void Relocation::take_over(const Inode& target) {
  inode_->replaces = target.local_only ? target.replaces : target.etag;
  const auto known = target.writer() == nullptr ? std::nullopt : target.writer()->base();
  if (known && !known->etag.empty()) inode_->replaces = known->etag;
  // `etag` and the writer's version are those of the copy under `kept_key` here: the object that
  // has the name is `name_etag`.
  if (!target.kept_key.empty()) inode_->replaces = target.name_etag;
  if (target_version_) inode_->replaces = *target_version_;
}

Result<Relocation::Keys> Relocation::keys() const {
  Result<std::string> from = core_.tree.name_key(*inode_);
  if (!from) return name_lost(*inode_);
  Result<std::string> to = core_.tree.child_key(*move_.new_parent, move_.new_name, inode_->type);
  if (!to) return to.error();
  return Keys{.from = std::move(*from), .to = std::move(*to)};
}

void Relocation::rename_object() {
  Result<Keys> keys = Error(Code::not_found);
  RenameRequest rename;
  uint64_t size = 0;
  {
    const MutexLock lock(core_.tree.mutex);
    keys = this->keys();
    rename.source_if_match = inode_->etag;
    size = inode_->size;
  }
  if (!keys) return finish(keys.error());
  // Some servers have objects without ETags.
  if (rename.source_if_match.empty()) return copy_and_remove();
  rename.source = keys->from;
  rename.target = keys->to;
  rename.condition.if_none_match = move_.no_replace;
  sent_ = core_.parts.scheduler.now();
  core_.parts.store.rename(
      std::move(rename),
      core_.tracked<ObjectInfo>([this, keys = std::move(*keys), size,
                                 self = shared_from_this()](Result<ObjectInfo> info) {
        object_renamed(keys, size, std::move(info));
      }));
}

void Relocation::object_renamed(const Keys& keys, uint64_t size, Result<ObjectInfo> info) {
  if (!info && info.code() == Code::not_supported) return copy_and_remove();
  if (!info) {
    // The rename failed, or only its answer was lost: what is under both keys is asked for again.
    for (const std::string& key : {keys.from, keys.to}) core_.look_anew(key);
    if (move_.no_replace && info.code() == Code::already_exists)
      return finish(core_.already_there(move_.new_parent, move_.new_name));
    return finish(info.error());
  }
  info->size = size;
  file_moved(*info);
  finish({});
}

void Relocation::copy_and_remove() {
  if (inode_->type == FileType::directory) return copy_known();
  // What the object carries must be known before the copy can be given all of it.
  parts_.attributes.learn(inode_, [this, self = shared_from_this()](Result<void> learned) {
    if (!learned) return finish(std::move(learned));
    copy_known();
  });
}

void Relocation::copy_known() {
  Result<Keys> keys = Error(Code::not_found);
  CopyObject copy;
  {
    const MutexLock lock(core_.tree.mutex);
    keys = this->keys();
    if (keys) {
      copy = CopyObject{
          .source = keys->from, .target = keys->to, .size = inode_->size, .etag = inode_->etag};
      inode_->stored = attributes_of_copy(core_, *inode_, *move_.new_parent, move_.new_name);
      copy.metadata = to_metadata(inode_->stored, inode_->type);
      // Two nodes may want the name at once: the store decides, where it can.
      copy.condition.if_none_match = move_.no_replace;
    }
  }
  if (!keys) return finish(keys.error());
  if (inode_->type == FileType::directory) return rename_directory(*keys);
  copy_file(std::move(copy));
}

void Relocation::copy_file(CopyObject copy) {
  const std::string from = copy.source;
  sent_ = core_.parts.scheduler.now();
  core_.parts.copier.copy(
      std::move(copy), core_.tracked<ObjectInfo>(
                           [this, from, self = shared_from_this()](const Result<ObjectInfo>& info) {
                             if (!info && move_.no_replace && FsCore::is_refusal(info.code()))
                               return finish(core_.already_there(move_.new_parent, move_.new_name));
                             if (!info) return finish(info.error());
                             remove_source(from, *info);
                           }));
}

void Relocation::remove_source(const std::string& from, const ObjectInfo& copied) {
  core_.parts.store.remove(
      from, core_.tracked<void>([this, copied, self = shared_from_this()](Result<void> removed) {
        if (removed) file_moved(copied);
        if (removed) parts_.attributes.note_carried(inode_);
        finish(std::move(removed));
      }));
}

/// Open handles on files below the directory go on with the copies, as soon as all of those are
/// there.
void Relocation::rename_directory(const Keys& keys) {
  Move move{.from = keys.from, .to = keys.to};
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr target = core_.tree.child(*move_.new_parent, move_.new_name);
    move.over_marker =
        target != nullptr && target->directory != nullptr && target->directory->has_marker;
  }
  sent_ = core_.parts.scheduler.now();
  parts_.renames.rename({.moves = {std::move(move)},
                         .copied =
                             [this, self = shared_from_this()](size_t, const std::string& relative,
                                                               const CopiedObject& copied) {
                               note_copy(core_, inode_, relative, copied, copied_);
                             }},
                        [this, keys, self = shared_from_this()](Result<void> renamed) {
                          if (renamed) {
                            directory_moved();
                          } else {
                            for (const std::string& key : {keys.from, keys.to})
                              core_.look_anew(key);
                          }
                          finish(std::move(renamed));
                        });
}

void Relocation::file_moved(const ObjectInfo& info) {
  std::shared_ptr<FileWriter> old;
  {
    const MutexLock lock(core_.tree.mutex);
    moved();
    core_.tree.note_carried(*inode_);
    inode_->size = info.size;
    core_.tree.told_own(*inode_, sent_);
    old = follow_copy(core_, *inode_, info.etag);
  }
  abandon(core_, std::move(old));
}

void Relocation::directory_moved() {
  OldWriters old;
  {
    const MutexLock lock(core_.tree.mutex);
    moved();
    forget_markers(core_, inode_);
    old = follow_copies(core_, copied_);
    lose_uncopied(core_, inode_, copied_);
  }
  abandon(core_, std::move(old));
}

void Relocation::moved() {
  core_.tree.note_change(*move_.parent, move_.name);
  core_.tree.note_change(*move_.new_parent, move_.new_name);
  // Another client may have made the old name again before the answer was here.
  core_.tree.note_absent(*move_.parent, move_.name, sent_);
  Tree::names_changed(*move_.parent);
  Tree::names_changed(*move_.new_parent);
  inode_->ctime_ns = wall_clock_ns();
  inode_->modified_s = 0;
  if (inode_->named()) return core_.tree.move(inode_, move_.new_parent, move_.new_name);
  // Somebody found the old name gone before the answer was here: the new one is to be looked up.
  if (const InodePtr old = core_.tree.child(*move_.new_parent, move_.new_name))
    core_.tree.detach(old, Binding::deleted);
  move_.new_parent->directory->complete = false;
}

void Relocation::finish(Result<void> result) {
  leaving_.end();
  done_(std::move(result));
}

}  // namespace penstock
