// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/exchange.h"

#include <utility>

#include "base/join.h"
#include "fs/changes/store_below.h"

namespace penstock {

void Exchange::start() {
  if (waits_for_name(request_.parent) || waits_for_name(request_.other_parent)) return;
  if (core_.stopping) return done_(mount_is_ending());
  parts_.resolver.resolve(request_.parent, request_.name,
                          [this, self = shared_from_this()](const Result<InodePtr>& one) {
                            if (!one) return done_(one.error());
                            one_ = *one;
                            find_other();
                          });
}

void Exchange::find_other() {
  parts_.resolver.resolve(request_.other_parent, request_.other_name,
                          [this, self = shared_from_this()](const Result<InodePtr>& other) {
                            if (!other) return done_(other.error());
                            other_ = *other;
                            found();
                          });
}

void Exchange::found() {
  if (one_ == other_) return done_({});
  if (waits_for_name(one_) || waits_for_name(other_)) return;
  Result<void> may = may_take(*request_.parent, request_.name, *other_);
  if (may) may = may_take(*request_.other_parent, request_.other_name, *one_);
  if (!may) return done_(std::move(may));
  if (!use_directories({request_.parent, request_.other_parent})) return;
  one_leaves_ = core_.leave(one_);
  core_.when_quiet(one_, [this, self = shared_from_this()] {
    other_leaves_ = core_.leave(other_);
    core_.when_quiet(other_, [this, self] { store_both(); });
  });
}

void Exchange::store_both() {
  const auto both =
      std::make_shared<Join>(2, [this, self = shared_from_this()](Result<void> stored) {
        if (!stored) return finish(std::move(stored));
        move_objects();
      });
  store_below(parts_, one_, both->part());
  store_below(parts_, other_, both->part());
}

/// The exchange in the store, as three moves of one intent: `one` to a key below .penstock/held/,
/// `other` to the key of `one`, and the held object to the key of `other`. Files are copied over
/// one another, so that at no moment a name is without a file.
void Exchange::move_objects() {
  RenameObjects request{.id = core_.new_own_id()};
  std::string from;
  std::string to;
  bool lost = false;
  {
    const MutexLock lock(core_.tree.mutex);
    lost = !one_->named() || !other_->named();
    if (!lost) {
      const bool files = one_->type == FileType::file && other_->type == FileType::file;
      from = core_.tree.key_of(*one_).value();
      to = core_.tree.key_of(*other_).value();
      std::string held = core_.own.held(request.id);
      if (one_->type == FileType::directory) held += '/';
      request.moves = {
          {from, held, files},
          {to, core_.tree.child_key(*one_->parent, one_->name, other_->type).value(), files},
          {held, core_.tree.child_key(*other_->parent, other_->name, one_->type).value()},
      };
    }
  }
  if (lost) return finish(Error(Code::not_found));
  request.copied = [this, self = shared_from_this()](size_t step, const std::string& relative,
                                                     const CopiedObject& object) {
    copied(step, relative, object);
  };
  parts_.renames.rename(std::move(request),
                        [this, from, to, self = shared_from_this()](Result<void> result) {
                          if (result) {
                            exchanged();
                          } else {
                            core_.look_anew(from);
                            core_.look_anew(to);
                          }
                          finish(std::move(result));
                        });
}

void Exchange::copied(size_t step, const std::string& relative, CopiedObject copied) {
  if (step == 1) return note_copy(core_, other_, relative, copied, copied_);
  {
    const MutexLock lock(core_.tree.mutex);
    if (step == 0) {
      versions_[relative] = copied.source;
      return;
    }
    copied.source = versions_[relative];
  }
  note_copy(core_, one_, relative, copied, copied_);
}

void Exchange::exchanged() {
  OldWriters old;
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& inode : {one_, other_}) {
      if (inode->named()) core_.tree.note_change(*inode->parent, inode->name);
    }
    // If a lookup beside this exchange found that one of the two names has vanished, the inodes are
    // not exchanged: the next lookups ask the store what has the names now.
    if (one_->named() && other_->named()) {
      core_.tree.exchange(one_, other_);
      for (const InodePtr& inode : {one_, other_}) forget_markers(core_, inode);
      one_->told = other_->told = {};  // the copies took their time
    } else {
      for (const InodePtr& inode : {one_, other_}) core_.tree.detach(inode, Binding::vanished);
    }
    old = follow_copies(core_, copied_);
    for (const InodePtr& inode : {one_, other_}) lose_uncopied(core_, inode, copied_);
  }
  abandon(core_, std::move(old));
}

void Exchange::finish(Result<void> result) {
  one_leaves_.end();
  other_leaves_.end();
  leave_directories();
  done_(std::move(result));
}

}  // namespace penstock
