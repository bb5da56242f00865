// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/name_operations.h"

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "fs/lookups/first_keys.h"

namespace penstock {

Error NameOperations::lost(const Inode& inode) {
  if (inode.deleted()) return Error(Code::not_found);
  return Tree::gone(inode);
}

bool NameOperations::begin_naming(std::vector<InodePtr> directories, Done<void>& done,
                                  std::function<void(Done<void>)> again) {
  std::vector<NameLock::Use> uses;
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& directory : directories) {
      if (!core_.leaving(*directory)) continue;
      core_.wait_for_name(directory, [again = std::move(again), done = std::move(done)]() mutable {
        again(std::move(done));
      });
      return false;
    }
    for (const InodePtr& directory : directories) uses.push_back(core_.use(directory));
  }
  done = [uses = std::move(uses), done = std::move(done)](Result<void> result) mutable {
    uses.clear();
    done(std::move(result));
  };
  return true;
}

void NameOperations::check_empty(const InodePtr& directory, Done<void> done) {
  ListRequest request{.max_keys = 2};
  bool busy = false;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> prefix = core_.tree.key_of(*directory);
    if (prefix) request.prefix = std::move(*prefix);
    if (!prefix) gone = prefix.error();
    busy = core_.tree.keeps_below(*directory);
  }
  if (gone) return done(*gone);
  if (busy) return done(Error(Code::not_empty));
  const std::string marker = request.prefix;
  first_keys(core_, std::move(request),
             [this, marker, directory, done = std::move(done)](Result<ListPage> page) mutable {
               if (!page) return done(page.error());
               bool has_marker = false;
               for (const ObjectInfo& object : page->objects) {
                 // Bytes that another client put under the directory's own key are
                 // nothing that a removal of an empty directory may take along.
                 if (object.key != marker || object.size > 0) return done(Error(Code::not_empty));
                 has_marker = true;
               }
               {
                 const MutexLock lock(core_.tree.mutex);
                 directory->directory->has_marker = has_marker;
               }
               done({});
             });
}

void NameOperations::rmdir(const InodePtr& parent, const std::string& name, Done<void> done) {
  core_.when_name_settled(parent, [this, parent, name, done = std::move(done)]() mutable {
    remove_directory(parent, name, std::move(done));
  });
}

void NameOperations::remove_directory(const InodePtr& parent, const std::string& name,
                                      Done<void> done) {
  if (core_.stopping) return done(mount_is_ending());
  resolver_.resolve(
      parent, name, [this, parent, name, done = std::move(done)](Result<InodePtr> found) mutable {
        if (!found) return done(found.error());
        const InodePtr inode = *found;
        if (inode->type != FileType::directory) return done(Error(Code::not_a_directory));
        if (core_.is_leaving(inode)) {
          return core_.when_name_settled(inode,
                                         [this, parent, name, done = std::move(done)]() mutable {
                                           rmdir(parent, name, std::move(done));
                                         });
        }
        if (!begin_naming({parent}, done, [this, parent, name](Done<void> again) {
              rmdir(parent, name, std::move(again));
            }))
          return;
        // A write of the directory's marker that is under way ends first: the marker must not
        // appear after its deletion.
        auto resumed = [leaving = core_.leave(inode),
                        done = std::move(done)](Result<void> removed) mutable {
          leaving.end();
          done(std::move(removed));
        };
        core_.when_quiet(
            inode, [this, parent, name, inode, done = Done<void>(std::move(resumed))]() mutable {
              remove_quiet_directory(parent, name, inode, std::move(done));
            });
      });
}

void NameOperations::remove_quiet_directory(const InodePtr& parent, const std::string& name,
                                            const InodePtr& inode, Done<void> done) {
  // Another client may put something into the directory as soon as the store has looked.
  const Scheduler::Time looked = core_.parts.scheduler.now();
  check_empty(inode, [this, parent, name, inode, looked,
                      done = std::move(done)](Result<void> empty) mutable {
    if (!empty) return done(std::move(empty));
    keep_parent(parent, name,
                [this, inode, looked, done = std::move(done)](Result<void> kept) mutable {
                  if (!kept) return done(std::move(kept));
                  Result<std::string> key = std::string();
                  {
                    const MutexLock lock(core_.tree.mutex);
                    key = core_.tree.name_key(*inode);
                  }
                  if (!key) return done(lost(*inode));
                  remove_key(inode, *key, looked, std::move(done));
                });
  });
}

void NameOperations::keep_parent(const InodePtr& parent, const std::string& leaving,
                                 Done<void> done) {
  // Enough to see the marker, what leaves, and one more.
  ListRequest request{.by_directory = true, .max_keys = 3};
  std::string key;
  bool stays = false;
  bool known = false;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    const DirectoryState& state = *parent->directory;
    const InodePtr child = core_.tree.child(*parent, leaving);
    stays = state.has_marker || parent->binding == Binding::root || child == nullptr ||
            state.children.size() > 1;
    known = state.complete;
    Result<std::string> prefix = core_.tree.key_of(*parent);
    if (prefix) request.prefix = std::move(*prefix);
    if (!prefix) gone = prefix.error();
    if (prefix && child != nullptr) key = core_.tree.key_of(*child).value();
  }
  if (gone) return done(*gone);
  if (stays) return done({});
  if (known) return core_.store_marker(parent, std::move(done));
  auto listed = [this, parent, key = std::move(key), own = request.prefix,
                 done = std::move(done)](Result<ListPage> page) mutable {
    if (!page) return done(page.error());
    bool others = std::ranges::any_of(page->common_prefixes,
                                      [&](const std::string& below) { return below != key; });
    bool marker = false;
    for (const ObjectInfo& object : page->objects) {
      marker |= object.key == own;
      others |= object.key != own && object.key != key;
    }
    if (others || marker) return done({});
    core_.store_marker(parent, std::move(done));
  };
  first_keys(core_, std::move(request), std::move(listed));
}

void NameOperations::unlink(const InodePtr& parent, const std::string& name, Done<void> done) {
  core_.when_name_settled(parent, [this, parent, name, done = std::move(done)]() mutable {
    remove_name(parent, name, std::move(done));
  });
}

void NameOperations::remove_name(const InodePtr& parent, const std::string& name, Done<void> done) {
  if (core_.stopping) return done(mount_is_ending());
  resolver_.resolve(
      parent, name, [this, parent, name, done = std::move(done)](Result<InodePtr> found) mutable {
        if (!found) return done(found.error());
        const InodePtr inode = *found;
        if (inode->type == FileType::directory) return done(Error(Code::is_a_directory));
        if (core_.is_leaving(inode)) {
          return core_.when_name_settled(inode,
                                         [this, parent, name, done = std::move(done)]() mutable {
                                           unlink(parent, name, std::move(done));
                                         });
        }
        if (core_.turns.taken({parent->id, name})) {
          return core_.turns.wait({parent->id, name},
                                  [this, parent, name, done = std::move(done)]() mutable {
                                    unlink(parent, name, std::move(done));
                                  });
        }
        if (!begin_naming({parent}, done, [this, parent, name](Done<void> again) {
              unlink(parent, name, std::move(again));
            }))
          return;
        keep_parent(parent, name, [this, inode, done = std::move(done)](Result<void> kept) mutable {
          if (!kept) return done(std::move(kept));
          remove_file(inode, std::move(done));
        });
      });
}

void NameOperations::remove_file(const InodePtr& inode, Done<void> done) {
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (!inode->named()) return after.answer(std::move(done), lost(*inode));
  }
  // An object must not appear after its deletion.
  end_storing(inode, [this, inode, done = std::move(done)](Result<Stopped> stopped) mutable {
    if (stopped->held != nullptr) return remove_held(inode, std::move(*stopped), std::move(done));
    remove_quiet(inode, [leaving = std::move(stopped->leaving),
                         done = std::move(done)](Result<void> removed) mutable {
      leaving.end();
      done(std::move(removed));
    });
  });
}

void NameOperations::remove_quiet(const InodePtr& inode, Done<void> done) {
  bool unsent = false;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (inode->local_only && inode->handles > 0 && inode->writer != nullptr) {
      // Nothing of it is in the store: it goes on existing for those who have it open, and ends
      // with them.
      const std::string key = deleted_.new_key();
      if (inode->writer->rename({.key = key}, nullptr, after)) inode->kept_key = key;
    }
    unsent = inode->local_only && (inode->handles == 0 || !inode->kept_key.empty());
  }
  if (unsent) return remove_kept(inode, std::move(done));
  keep_open(inode, nullptr, [this, inode, done = std::move(done)]() mutable {
    remove_kept(inode, std::move(done));
  });
}

void NameOperations::remove_kept(const InodePtr& inode, Done<void> done) {
  std::string key;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    if (!inode->named()) gone = lost(*inode);
    // What it has replaced by a rename may still be there.
    if (!gone && (!inode->local_only || !inode->replaces.empty())) {
      key = core_.tree.name_key(*inode).value();
    } else if (!gone) {
      core_.tree.note_change(*inode->parent, inode->name);
      Tree::names_changed(*inode->parent);
      inode->ctime_ns = wall_clock_ns();
      core_.tree.detach(inode, Binding::deleted);
    }
  }
  if (gone) return done(*gone);
  if (key.empty()) {
    committer_.writing_ended(inode);
    return done({});
  }
  auto gone_or_kept = [this, inode, done = std::move(done)](Result<void> removed) mutable {
    if (!removed) keep_name(inode);
    done(std::move(removed));
  };
  remove_key(inode, key, core_.parts.scheduler.now(), std::move(gone_or_kept));
}

void NameOperations::remove_held(const InodePtr& inode, Stopped stopped, Done<void> done) {
  const std::shared_ptr<FileDurability> writer = stopped.held;
  // What was promised is kept until the deletion is sure, for if it fails the file is still there.
  auto gone = [this, inode, writer, leaving = std::move(stopped.leaving),
               done = std::move(done)](Result<void> removed) mutable {
    if (removed) {
      leaving.end();
      return writer->disclaim(core_.tracked<void>(std::move(done)));
    }
    // Another deletion came first, and holds the writer.
    const bool held_by_another = removed.code() == Code::not_found;
    name_stays(inode, held_by_another ? nullptr : writer.get(), std::move(leaving));
    if (!held_by_another) committer_.plan_upload(inode);
    done(std::move(removed));
  };
  std::string key;
  std::optional<Error> absent;
  {
    const MutexLock lock(core_.tree.mutex);
    const bool never_sent = !stopped.may_be_sent && inode->local_only && inode->replaces.empty();
    if (!inode->named()) {
      absent = lost(*inode);
    } else if (never_sent) {
      core_.tree.note_change(*inode->parent, inode->name);
      Tree::names_changed(*inode->parent);
      inode->ctime_ns = wall_clock_ns();
      core_.tree.detach(inode, Binding::deleted);
    } else {
      key = core_.tree.name_key(*inode).value();
    }
  }
  if (absent) return gone(*absent);
  if (key.empty()) {
    gone({});
    return committer_.writing_ended(inode);
  }
  // A deletion that a kill interrupts is finished by the next mount: what was promised may need the
  // object that is gone by then.
  writer->doom(core_.tracked<void>(
      [this, inode, writer, key, gone = std::move(gone)](Result<void> noted) mutable {
        if (!noted) return gone(std::move(noted));
        keep_open(inode, writer.get(), [this, inode, key, gone = std::move(gone)]() mutable {
          remove_key(inode, key, core_.parts.scheduler.now(), std::move(gone));
        });
      }));
}

void NameOperations::remove_key(const InodePtr& inode, const std::string& key,
                                Scheduler::Time since, Done<void> done) {
  core_.parts.store.remove(key, core_.tracked<void>([this, inode, since, done = std::move(done)](
                                                        Result<void> removed) mutable {
    if (!removed) return done(std::move(removed));
    {
      const MutexLock lock(core_.tree.mutex);
      if (inode->named()) {
        core_.tree.note_change(*inode->parent, inode->name);
        core_.tree.note_absent(*inode->parent, inode->name, since);
        Tree::names_changed(*inode->parent);
        inode->ctime_ns = wall_clock_ns();
        core_.tree.detach(inode, Binding::deleted);
      }
    }
    committer_.writing_ended(inode);
    done({});
  }));
}

}  // namespace penstock
