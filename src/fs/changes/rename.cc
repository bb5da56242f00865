// SPDX-License-Identifier: Apache-2.0
// NameOperations: rename, of what was never stored, of a file, of all below a directory.
#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/wall_clock.h"
#include "fs/changes/name_operations.h"
#include "fs/nodes/join.h"

namespace penstock {
namespace {

/// A file's time may be that of its rename where it was written this shortly before.
constexpr int64_t time_tolerance_ns = 2'000'000'000;

}  // namespace

void NameOperations::rename(const Rename& request, Done<void> done) {
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& parent : {request.parent, request.new_parent}) {
      if (!core_.leaving(*parent)) continue;
      return core_.wait_for_name(parent, [this, request, done = std::move(done)]() mutable {
        rename(request, std::move(done));
      });
    }
  }
  find_and_rename(request, std::move(done));
}

void NameOperations::find_and_rename(const Rename& request, Done<void> done) {
  if (core_.stopping) return done(mount_is_ending());
  resolver_.resolve(request.parent, request.name,
                    [this, request, done = std::move(done)](Result<InodePtr> source) mutable {
                      if (!source) return done(source.error());
                      resolver_.resolve(request.new_parent, request.new_name,
                                        [this, request, inode = *source,
                                         done = std::move(done)](Result<InodePtr> target) mutable {
                                          if (!target && target.code() != Code::not_found)
                                            return done(target.error());
                                          rename_checked(request, inode, target ? *target : nullptr,
                                                         std::move(done));
                                        });
                    });
}

Result<void> NameOperations::may_take(const Inode& parent, const std::string& name,
                                      const Inode& inode) {
  const MutexLock lock(core_.tree.mutex);
  // The kernel has an older file under the name, and would give that one the new name: it looks the
  // name up, and asks again.
  if (inode.unseen) return Tree::gone(inode);
  Result<void> valid = core_.tree.check_name(parent, name, inode.type, core_.limits.max_key_bytes);
  if (!valid) return valid;
  for (const Inode* at = &parent; at != nullptr; at = at->parent.get()) {
    if (at == &inode) return Error(Code::invalid_argument, "a directory cannot move into itself");
  }
  return {};
}

Result<void> NameOperations::may_replace(const Rename& request, const Inode& inode,
                                         const Inode& target) {
  if (request.no_replace) return Error(Code::already_exists);
  if (target.type == FileType::directory && inode.type == FileType::file)
    return Error(Code::is_a_directory);
  if (target.type == FileType::file && inode.type == FileType::directory)
    return Error(Code::not_a_directory);
  // A rename over a directory above the file is refused here. It would wait for that directory to
  // be quiet, and is itself work under way in the file's old directory.
  const MutexLock lock(core_.tree.mutex);
  for (const Inode* at = request.parent.get(); at != nullptr; at = at->parent.get()) {
    if (at == &target) return Error(Code::not_empty);
  }
  return {};
}

void NameOperations::rename_checked(const Rename& request, const InodePtr& inode,
                                    const InodePtr& target, Done<void> done) {
  if (inode == target) return done({});
  for (const InodePtr& known : {inode, target}) {
    if (known == nullptr || !core_.is_leaving(known)) continue;
    return core_.when_name_settled(known, [this, request, done = std::move(done)]() mutable {
      rename(request, std::move(done));
    });
  }
  Result<void> may = may_take(*request.new_parent, request.new_name, *inode);
  if (!may) return done(std::move(may));
  if (target != nullptr) {
    Result<void> replaceable = may_replace(request, *inode, *target);
    if (!replaceable) return done(std::move(replaceable));
    if (core_.turns.taken({request.new_parent->id, request.new_name})) {
      return core_.turns.wait(
          {request.new_parent->id, request.new_name},
          [this, request, done = std::move(done)]() mutable { rename(request, std::move(done)); });
    }
  }
  const auto overtaken = std::make_shared<bool>(false);
  if (target != nullptr) {
    // Somebody may be sent back between the look at that above and the time from which opens wait.
    done = [this, request, overtaken, done = std::move(done)](Result<void> renamed) mutable {
      if (!*overtaken) return done(std::move(renamed));
      core_.turns.wait(
          {request.new_parent->id, request.new_name},
          [this, request, done = std::move(done)]() mutable { rename(request, std::move(done)); });
    };
  }
  // Before anything of the target is held up: a rename of a directory above stores what is below,
  // and would wait for the target, which waits for that directory's name. A rename waits for what
  // goes on below a directory while those above are waited for in turn: that is no circle as long
  // as only one rename at a time takes a directory to another, which the kernel sees to.
  if (!begin_naming({request.parent, request.new_parent}, done,
                    [this, request](Done<void> again) { rename(request, std::move(again)); }))
    return;
  if (target == nullptr) return rename_settled(request, inode, std::move(done));
  // What was to be stored under the new name must not arrive after what gets the name.
  end_storing(target, [this, request, inode, target, overtaken,
                       done = std::move(done)](Result<Stopped> stopped) mutable {
    replace(request, inode, target, std::move(*stopped), *overtaken, std::move(done));
  });
}

/// What has the new name is stored no more.
void NameOperations::replace(const Rename& request, const InodePtr& inode, const InodePtr& target,
                             Stopped stopped, bool& overtaken, Done<void> done) {
  const std::shared_ptr<FileDurability> held = stopped.held;
  if (held != nullptr) {
    done = [this, target, held, leaving = std::move(stopped.leaving),
            done = std::move(done)](Result<void> renamed) mutable {
      if (renamed) {
        leaving.end();
        return held->disclaim(core_.tracked<void>(std::move(done)));
      }
      name_stays(target, held.get(), std::move(leaving));
      committer_.plan_upload(target);
      done(std::move(renamed));
    };
  } else {
    done = [this, target, leaving = std::move(stopped.leaving),
            done = std::move(done)](Result<void> renamed) mutable {
      renamed ? leaving.end() : name_stays(target, nullptr, std::move(leaving));
      done(std::move(renamed));
    };
    overtaken = core_.turns.taken({request.new_parent->id, request.new_name});
    if (overtaken) return done(Error(Code::cancelled, "an open of the name comes first"));
  }
  if (target->type == FileType::directory) {
    return check_empty(target,
                       [this, request, inode, done = std::move(done)](Result<void> empty) mutable {
                         if (!empty) return done(std::move(empty));
                         rename_settled(request, inode, std::move(done));
                       });
  }
  keep_open(target, held.get(), [this, request, inode, done = std::move(done)]() mutable {
    rename_settled(request, inode, std::move(done));
  });
}

/// Nobody else changes the names, and what has the new one is held up.
void NameOperations::rename_settled(const Rename& request, const InodePtr& inode, Done<void> done) {
  auto go = [this, request, inode, done = std::move(done)](Result<void> kept) mutable {
    if (!kept) return done(std::move(kept));
    if (inode->type == FileType::file && rename_unsent(request, inode, done)) return;
    rename_stored(request, inode, std::move(done));
  };
  // The new name keeps its own directory.
  if (request.parent == request.new_parent) return go({});
  keep_parent(request.parent, request.name, std::move(go));
}

void NameOperations::moved(const Rename& request, const InodePtr& inode, Scheduler::Time sent) {
  core_.tree.note_change(*request.parent, request.name);
  core_.tree.note_change(*request.new_parent, request.new_name);
  // Another client may have made the old name again before the answer was here.
  core_.tree.note_absent(*request.parent, request.name, sent);
  Tree::names_changed(*request.parent);
  Tree::names_changed(*request.new_parent);
  inode->ctime_ns = wall_clock_ns();
  inode->modified_s = 0;
  if (inode->named()) return core_.tree.move(inode, request.new_parent, request.new_name);
  // Somebody found the old name gone before the answer was here: the new one is to be looked up.
  if (const InodePtr old = core_.tree.child(*request.new_parent, request.new_name))
    core_.tree.detach(old, Binding::deleted);
  request.new_parent->directory->complete = false;
}

bool NameOperations::rename_unsent(const Rename& request, const InodePtr& inode, Done<void>& done) {
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    const Result<std::string> key =
        core_.tree.child_key(*request.new_parent, request.new_name, FileType::file);
    if (!key) return false;  // which rename_stored tells
    const InodePtr target = core_.tree.child(*request.new_parent, request.new_name);
    FileWriter* const replaced = target == nullptr ? nullptr : target->writer.get();
    const bool local = inode->local_only && inode->replaces.empty() && inode->writer != nullptr;
    // A commit under way that is not of a promise has the old name, and attributes that fit it.
    const bool named = local && inode->commits_running > 0 && !inode->writer->pending();
    // O_EXCL was about the old name.
    const NewName name{.key = *key, .exclusive = request.no_replace};
    if (!local || named || !inode->writer->rename(name, replaced, after)) return false;
    core_.tree.set_content_type(inode->stored, request.new_name);
    if (target != nullptr) {
      inode->replaces = target->local_only ? target->replaces : target->etag;
      const auto known = replaced == nullptr ? std::nullopt : replaced->base();
      if (known && !known->etag.empty()) inode->replaces = known->etag;
      // `etag` and the writer's version are those of the copy under `kept_key` here: the object
      // that has the name is `name_etag`.
      if (!target->kept_key.empty()) inode->replaces = target->name_etag;
    }
    moved(request, inode, core_.parts.scheduler.now());
  }
  committer_.renew_promise(inode, std::move(done));
  return true;
}

void NameOperations::rename_stored(const Rename& request, const InodePtr& inode, Done<void> done) {
  // Writes to the file wait from here on: what came after its copy was made would be lost with the
  // old key.
  auto resumed = [leaving = core_.leave(inode),
                  done = std::move(done)](Result<void> renamed) mutable {
    leaving.end();
    done(std::move(renamed));
  };
  core_.when_quiet(inode, [this, request, inode, done = Done<void>(std::move(resumed))]() mutable {
    store_rest(inode, [this, request, inode, done = std::move(done)](Result<void> stored) mutable {
      if (!stored) return done(std::move(stored));
      const bool at_once = core_.limits.renames && inode->type == FileType::file;
      if (at_once) return rename_object(request, inode, std::move(done));
      copy_and_remove(request, inode, std::move(done));
    });
  });
}

void NameOperations::store_rest(const InodePtr& inode, Done<void> done) {
  std::vector<InodePtr> dirty;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (!inode->named()) return after.answer(std::move(done), lost(*inode));
    dirty = dirty_below(inode);
  }
  if (dirty.empty()) return done({});
  const auto all = std::make_shared<Join>(
      dirty.size(), [this, inode, done = std::move(done)](Result<void> stored) mutable {
        if (!stored) return done(std::move(stored));
        store_rest(inode, std::move(done));
      });
  for (const InodePtr& file : dirty) {
    committer_.commit_leaving(file, [part = all->part()](Result<void> committed) mutable {
      // A file that another program deleted or replaced while the directory was made quiet need not
      // be stored any more.
      const bool gone = !committed && committed.code() == Code::cancelled;
      part(gone ? Result<void>() : std::move(committed));
    });
  }
}

Result<Move> NameOperations::keys_of(const Rename& request, const Inode& inode) const {
  Result<std::string> from = core_.tree.name_key(inode);
  if (!from) return lost(inode);
  Result<std::string> to = core_.tree.child_key(*request.new_parent, request.new_name, inode.type);
  if (!to) return to.error();
  return Move{.from = std::move(*from), .to = std::move(*to)};
}

void NameOperations::rename_object(const Rename& request, const InodePtr& inode, Done<void> done) {
  RenameRequest rename;
  uint64_t size = 0;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    const Result<Move> keys = keys_of(request, *inode);
    if (!keys) return after.answer(std::move(done), keys.error());
    rename.source = keys->from;
    rename.target = keys->to;
    rename.source_if_match = inode->etag;
    rename.condition.if_none_match = request.no_replace;
    size = inode->size;
  }
  // Some servers have objects without ETags.
  if (rename.source_if_match.empty()) return copy_and_remove(request, inode, std::move(done));
  const Scheduler::Time sent = core_.parts.scheduler.now();
  auto renamed = [this, request, inode, size, sent, from = rename.source, to = rename.target,
                  done = std::move(done)](Result<ObjectInfo> info) mutable {
    if (!info && info.code() == Code::not_supported)
      return copy_and_remove(request, inode, std::move(done));
    if (!info) {
      // The rename failed, or only its answer was lost: what is under both keys is asked for again.
      for (const std::string& key : {from, to}) core_.look_anew(key);
      if (request.no_replace && info.code() == Code::already_exists)
        return done(core_.already_there(request.new_parent, request.new_name));
      return done(info.error());
    }
    info->size = size;
    file_moved(request, inode, *info, sent);
    done({});
  };
  core_.parts.store.rename(std::move(rename), core_.tracked<ObjectInfo>(std::move(renamed)));
}

void NameOperations::copy_and_remove(const Rename& request, const InodePtr& inode,
                                     Done<void> done) {
  if (inode->type == FileType::directory) return copy_known(request, inode, std::move(done));
  // What the object carries must be known before the copy can be given all of it.
  attributes_.learn(inode,
                    [this, request, inode, done = std::move(done)](Result<void> learned) mutable {
                      if (!learned) return done(std::move(learned));
                      copy_known(request, inode, std::move(done));
                    });
}

void NameOperations::copy_known(const Rename& request, const InodePtr& inode, Done<void> done) {
  std::string from;
  CopyObject copy;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    const Result<Move> keys = keys_of(request, *inode);
    if (!keys) return after.answer(std::move(done), keys.error());
    from = keys->from;
    copy = CopyObject{.source = from, .target = keys->to, .size = inode->size, .etag = inode->etag};
    inode->stored = of_copy(*inode, request.new_name);
    copy.metadata = to_metadata(inode->stored, inode->type);
    // Two nodes may want the name at once: the store decides, where it can.
    copy.condition.if_none_match = request.no_replace;
  }
  if (inode->type == FileType::directory) {
    return rename_directory(request, inode, std::move(copy), std::move(done));
  }
  const Scheduler::Time sent = core_.parts.scheduler.now();
  core_.parts.copier.copy(
      std::move(copy),
      core_.tracked<ObjectInfo>([this, request, inode, from, sent,
                                 done = std::move(done)](Result<ObjectInfo> info) mutable {
        if (!info && request.no_replace && FsCore::is_refusal(info.code()))
          return done(core_.already_there(request.new_parent, request.new_name));
        if (!info) return done(info.error());
        core_.parts.store.remove(
            from, core_.tracked<void>([this, request, inode, sent, info = *info,
                                       done = std::move(done)](Result<void> removed) mutable {
              if (removed) file_moved(request, inode, info, sent);
              if (removed) attributes_.note_carried(inode);
              done(std::move(removed));
            }));
      }));
}

/// The copy is a new object, and would have its own time. That of one that was just written is as
/// good, and costs whoever lists the directory no look at its attributes.
StoredAttributes NameOperations::of_copy(const Inode& inode, const std::string& name) const {
  StoredAttributes stored = inode.stored;
  if (stored.any() || wall_clock_ns() - inode.mtime_ns > time_tolerance_ns)
    stored.mtime_ns = inode.mtime_ns;
  if (inode.type == FileType::file) core_.tree.set_content_type(stored, name);
  return stored;
}

std::vector<InodePtr> NameOperations::files_below(const InodePtr& above) {
  std::vector<InodePtr> found;
  std::vector<InodePtr> look{above};
  while (!look.empty()) {
    InodePtr inode = std::move(look.back());
    look.pop_back();
    if (inode->directory != nullptr) {
      core_.tree.each_inode(*inode, [&look](const InodePtr& child) { look.push_back(child); });
    } else {
      found.push_back(std::move(inode));
    }
  }
  return found;
}

std::vector<InodePtr> NameOperations::dirty_below(const InodePtr& above) {
  std::vector<InodePtr> found = files_below(above);
  std::erase_if(found, [](const InodePtr& inode) {
    const bool dirty = inode->stored_dirty || (inode->writer != nullptr && inode->writer->dirty());
    return !dirty || !inode->named();
  });
  return found;
}

void NameOperations::note_copy(const InodePtr& above, const std::string& relative,
                               const CopiedObject& copied, Followers& known) {
  const MutexLock lock(core_.tree.mutex);
  InodePtr at = above;
  for (size_t start = 0;
       at != nullptr && at->type == FileType::directory && start < relative.size();) {
    const size_t slash = std::min(relative.find('/', start), relative.size());
    const auto name = core_.tree.keys.name_of(relative.substr(start, slash - start));
    at = name ? core_.tree.child(*at, *name) : nullptr;
    start = slash + 1;
  }
  if (at != nullptr && at->type == FileType::file)
    known.push_back({at, copied.source, copied.copy.etag});
}

std::vector<std::shared_ptr<FileWriter>> NameOperations::follow(const Followers& known) {
  std::vector<std::shared_ptr<FileWriter>> old;
  for (const Follower& each : known) {
    if (!each.file->named()) continue;
    if (tell_apart(each.file->etag, each.source)) {
      // What others had put in the file's place was copied: the new name is not the file's.
      core_.tree.lose(each.file);
    } else {
      old.push_back(follow_copy(*each.file, each.copy));
    }
  }
  return old;
}

void NameOperations::lose_uncopied(const InodePtr& above, const Followers& known) {
  std::unordered_set<InodeId> copied;
  for (const Follower& each : known) copied.insert(each.file->id);
  for (const InodePtr& file : files_below(above)) {
    if (file->writer != nullptr && !copied.contains(file->id)) core_.tree.lose(file);
  }
}

void NameOperations::rename_directory(const Rename& request, const InodePtr& inode, CopyObject copy,
                                      Done<void> done) {
  // Open handles on files below the directory go on with the copies, as soon as all of those are
  // there.
  auto known = std::make_shared<Followers>();
  bool over_marker = false;
  {
    const MutexLock lock(core_.tree.mutex);
    const InodePtr target = core_.tree.child(*request.new_parent, request.new_name);
    over_marker =
        target != nullptr && target->directory != nullptr && target->directory->has_marker;
  }
  const std::string from = std::move(copy.source);
  const std::string to = std::move(copy.target);
  const Scheduler::Time began = core_.parts.scheduler.now();
  renames_.rename(
      {.moves = {{.from = from, .to = to, .over_marker = over_marker}},
       .copied = [this, inode, known](
                     size_t, const std::string& relative,
                     const CopiedObject& copied) { note_copy(inode, relative, copied, *known); }},
      [this, request, inode, known, from, to, began,
       done = std::move(done)](Result<void> renamed) mutable {
        if (renamed) {
          directory_moved(request, inode, *known, began);
        } else {
          for (const std::string& key : {from, to}) core_.look_anew(key);
        }
        done(std::move(renamed));
      });
}

void NameOperations::file_moved(const Rename& request, const InodePtr& inode,
                                const ObjectInfo& info, Scheduler::Time sent) {
  std::shared_ptr<FileWriter> old;
  {
    const MutexLock lock(core_.tree.mutex);
    moved(request, inode, sent);
    core_.tree.note_carried(*inode);
    inode->size = info.size;
    core_.tree.told_own(*inode, sent);
    old = follow_copy(*inode, info.etag);
  }
  abandon(std::move(old));
}

/// The markers of a directory that was renamed, and of those below, are other objects now.
void NameOperations::forget_markers(const InodePtr& above) {
  std::vector<InodePtr> look{above};
  while (!look.empty()) {
    const InodePtr inode = std::move(look.back());
    look.pop_back();
    if (inode->directory == nullptr) continue;
    inode->etag.clear();
    inode->directory->children.each([&](NameTable::Slot slot) REQUIRES(core_.tree.mutex) {
      if (slot.node() != nullptr) {
        look.push_back(core_.tree.inode_of(*inode, slot));
      } else if (slot.type() == FileType::directory) {
        slot.record()->set_etag("");
      }
      return true;
    });
  }
}

void NameOperations::directory_moved(const Rename& request, const InodePtr& inode,
                                     const Followers& known, Scheduler::Time began) {
  std::vector<std::shared_ptr<FileWriter>> old;
  {
    const MutexLock lock(core_.tree.mutex);
    moved(request, inode, began);
    forget_markers(inode);
    old = follow(known);
    lose_uncopied(inode, known);
  }
  for (std::shared_ptr<FileWriter>& writer : old) abandon(std::move(writer));
}

/// After the file's key has changed. Returns the writer that it does not need any more; or null.
std::shared_ptr<FileWriter> NameOperations::follow_copy(Inode& inode, const ETag& etag) {
  inode.etag = etag;
  inode.modified_s = 0;
  inode.reader.reset();
  ++inode.local_version;
  // What was written meanwhile, by who had passed the check for that before, belongs to an object
  // that is gone; the close that cannot store it says so. A write that is under way has this
  // writer.
  if (inode.writer == nullptr || inode.writer->dirty() || inode.claims.in_use()) return nullptr;
  // Open for writing: it goes on as an edit of the object at its new key.
  const Result<std::string> key = core_.tree.key_of(inode);
  if (!key) return nullptr;
  const Metadata metadata = to_metadata(inode.stored, FileType::file);
  ObjectInfo base{.key = *key, .size = inode.size, .etag = etag, .metadata = metadata};
  return std::exchange(
      inode.writer, core_.parts.writes.open({.key = *key}, WriteBase{std::move(base)}, metadata));
}

void NameOperations::abandon(std::shared_ptr<FileWriter> writer) {
  if (writer == nullptr) return;
  FileWriter& abandoned = *writer;
  abandoned.abandon([pass = core_.gate.pass(), writer = std::move(writer)] {});
}

}  // namespace penstock
