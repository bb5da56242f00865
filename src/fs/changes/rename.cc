// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/rename.h"

#include <utility>

#include "fs/changes/parent_directory.h"

namespace penstock {

void Rename::start() {
  replaced_.reset();
  if (waits_for_name(move_.parent) || waits_for_name(move_.new_parent)) return;
  if (core_.stopping) return done_(mount_is_ending());
  parts_.resolver.resolve(move_.parent, move_.name,
                          [this, self = shared_from_this()](const Result<InodePtr>& source) {
                            if (!source) return done_(source.error());
                            source_ = *source;
                            find_target();
                          });
}

void Rename::find_target() {
  parts_.resolver.resolve(move_.new_parent, move_.new_name,
                          [this, self = shared_from_this()](const Result<InodePtr>& target) {
                            if (!target && target.code() != Code::not_found)
                              return done_(target.error());
                            target_ = target ? *target : nullptr;
                            found();
                          });
}

Result<void> Rename::may_replace() {
  if (move_.no_replace) return Error(Code::already_exists);
  if (target_->type == FileType::directory && source_->type == FileType::file)
    return Error(Code::is_a_directory);
  if (target_->type == FileType::file && source_->type == FileType::directory)
    return Error(Code::not_a_directory);
  // A rename over a directory above the file is refused here. It would wait for that directory to
  // be quiet, and is itself work under way in the file's old directory.
  const MutexLock lock(core_.tree.mutex);
  for (const Inode* at = move_.parent.get(); at != nullptr; at = at->parent.get()) {
    if (at == target_.get()) return Error(Code::not_empty);
  }
  return {};
}

void Rename::found() {
  if (source_ == target_) return done_({});
  if (waits_for_name(source_) || (target_ != nullptr && waits_for_name(target_))) return;
  Result<void> may = may_take(*move_.new_parent, move_.new_name, *source_);
  if (may && target_ != nullptr) may = may_replace();
  if (!may) return done_(std::move(may));
  if (target_ != nullptr && waits_for_turn(move_.new_parent, move_.new_name)) return;
  // Before anything of the target is held up: a rename of a directory above stores what is below,
  // and would wait for the target, which waits for that directory's name. A rename waits for what
  // goes on below a directory while those above are waited for in turn: that is no circle as long
  // as only one rename at a time takes a directory to another, which the kernel sees to.
  if (!use_directories({move_.parent, move_.new_parent})) return;
  if (target_ == nullptr) return keep_old_directory();
  // What was to be stored under the new name must not arrive after what gets the name.
  replaced_.emplace(parts_, target_);
  replaced_->stop([this, self = shared_from_this()] { replace(); });
}

void Rename::replace() {
  // Somebody may have been sent back between the look at that before and the time from which opens
  // wait.
  if (!replaced_->held() && core_.turns.taken({move_.new_parent->id, move_.new_name})) {
    replaced_->stays();
    leave_directories();
    return wait_for_turn(move_.new_parent, move_.new_name);
  }
  if (target_->type == FileType::file) {
    return replaced_->keep_open([this, self = shared_from_this()] { keep_old_directory(); });
  }
  check_empty(core_, target_, [this, self = shared_from_this()](Result<void> empty) {
    if (!empty) return finish(std::move(empty));
    keep_old_directory();
  });
}

void Rename::keep_old_directory() {
  // The new name keeps its own directory.
  if (move_.parent == move_.new_parent) return relocate();
  keep_directory(core_, move_.parent, move_.name,
                 [this, self = shared_from_this()](Result<void> kept) {
                   if (!kept) return finish(std::move(kept));
                   relocate();
                 });
}

void Rename::relocate() {
  const auto relocation = std::make_shared<Relocation>(
      parts_, move_, source_,
      [this, self = shared_from_this()](Result<void> moved) { finish(std::move(moved)); });
  relocation->start();
}

void Rename::finish(Result<void> result) {
  auto answer = [this, self = shared_from_this()](Result<void> told) {
    leave_directories();
    done_(std::move(told));
  };
  if (replaced_ && result) return replaced_->goes(std::move(answer));
  if (replaced_) replaced_->stays();
  answer(std::move(result));
}

}  // namespace penstock
