// SPDX-License-Identifier: Apache-2.0
// NameOperations: exchange, of files and directories with one another.
#include <map>
#include <utility>

#include "fs/changes/name_operations.h"
#include "fs/nodes/join.h"

namespace penstock {

void NameOperations::exchange(const Rename& request, Done<void> done) {
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& parent : {request.parent, request.new_parent}) {
      if (!core_.leaving(*parent)) continue;
      return core_.wait_for_name(parent, [this, request, done = std::move(done)]() mutable {
        exchange(request, std::move(done));
      });
    }
  }
  if (core_.stopping) return done(mount_is_ending());
  resolver_.resolve(request.parent, request.name,
                    [this, request, done = std::move(done)](Result<InodePtr> one) mutable {
                      if (!one) return done(one.error());
                      resolver_.resolve(request.new_parent, request.new_name,
                                        [this, request, one = *one,
                                         done = std::move(done)](Result<InodePtr> other) mutable {
                                          if (!other) return done(other.error());
                                          exchange_checked(request, one, *other, std::move(done));
                                        });
                    });
}

void NameOperations::exchange_checked(const Rename& request, const InodePtr& one,
                                      const InodePtr& other, Done<void> done) {
  if (one == other) return done({});
  for (const InodePtr& known : {one, other}) {
    if (!core_.is_leaving(known)) continue;
    return core_.when_name_settled(known, [this, request, done = std::move(done)]() mutable {
      exchange(request, std::move(done));
    });
  }
  Result<void> may = may_take(*request.parent, request.name, *other);
  if (may) may = may_take(*request.new_parent, request.new_name, *one);
  if (!may) return done(std::move(may));
  if (!begin_naming({request.parent, request.new_parent}, done,
                    [this, request](Done<void> again) { exchange(request, std::move(again)); }))
    return;
  auto resumed = [one_leaves = core_.leave(one), other_leaves = core_.leave(other),
                  done = std::move(done)](Result<void> result) mutable {
    one_leaves.end();
    other_leaves.end();
    done(std::move(result));
  };
  core_.when_quiet(one, [this, one, other, done = Done<void>(std::move(resumed))]() mutable {
    core_.when_quiet(other, [this, one, other, done = std::move(done)]() mutable {
      const auto both = std::make_shared<Join>(
          2, [this, one, other, done = std::move(done)](Result<void> stored) mutable {
            if (!stored) return done(std::move(stored));
            exchange_stored(one, other, std::move(done));
          });
      store_rest(one, both->part());
      store_rest(other, both->part());
    });
  });
}

/// The exchange in the store, as three moves of one intent: `one` to a key below .penstock/held/,
/// `other` to the key of `one`, and the held object to the key of `other`. Files are copied over
/// one another, so that at no moment a name is without a file.
void NameOperations::exchange_stored(const InodePtr& one, const InodePtr& other, Done<void> done) {
  RenameObjects request{.id = core_.new_own_id()};
  auto known = std::make_shared<Followers>();
  std::string from;
  std::string to;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (!one->named() || !other->named())
      return after.answer(std::move(done), Error(Code::not_found));
    const bool files = one->type == FileType::file && other->type == FileType::file;
    from = core_.tree.key_of(*one).value();
    to = core_.tree.key_of(*other).value();
    std::string held = core_.own.held(request.id);
    if (one->type == FileType::directory) held += '/';
    request.moves = {
        {from, held, files},
        {to, core_.tree.child_key(*one->parent, one->name, other->type).value(), files},
        {held, core_.tree.child_key(*other->parent, other->name, one->type).value()},
    };
  }
  // The first one's files are copied twice: their versions are those that the first step meets.
  const auto versions = std::make_shared<std::map<std::string, ETag>>();
  request.copied = [this, one, other, known, versions](size_t step, const std::string& relative,
                                                       CopiedObject copied) {
    if (step == 1) return note_copy(other, relative, copied, *known);
    {
      const MutexLock lock(core_.tree.mutex);
      if (step == 0) {
        (*versions)[relative] = copied.source;
        return;
      }
      copied.source = (*versions)[relative];
    }
    note_copy(one, relative, copied, *known);
  };
  renames_.rename(std::move(request), [this, one, other, known, from, to,
                                       done = std::move(done)](Result<void> result) mutable {
    if (result) {
      exchanged(one, other, *known);
    } else {
      core_.look_anew(from);
      core_.look_anew(to);
    }
    done(std::move(result));
  });
}

void NameOperations::exchanged(const InodePtr& one, const InodePtr& other, const Followers& known) {
  std::vector<std::shared_ptr<FileWriter>> old;
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& inode : {one, other}) {
      if (inode->named()) core_.tree.note_change(*inode->parent, inode->name);
    }
    // If a lookup beside this exchange found that one of the two names has vanished, the inodes are
    // not exchanged: the next lookups ask the store what has the names now.
    if (one->named() && other->named()) {
      core_.tree.exchange(one, other);
      for (const InodePtr& inode : {one, other}) forget_markers(inode);
      one->told = other->told = {};  // the copies took their time
    } else {
      for (const InodePtr& inode : {one, other}) core_.tree.detach(inode, Binding::vanished);
    }
    old = follow(known);
    for (const InodePtr& inode : {one, other}) lose_uncopied(inode, known);
  }
  for (std::shared_ptr<FileWriter>& writer : old) abandon(std::move(writer));
}

}  // namespace penstock
