// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/attribute_operations.h"

#include <fmt/core.h>

#include <utility>

#include "base/wall_clock.h"

namespace penstock {
namespace {

std::string to_text(const Slices& slices) {
  std::string text;
  for (const auto& span : slices.spans)
    text.append(reinterpret_cast<const char*>(span.data()), span.size());
  return text;
}

}  // namespace

void AttributeOperations::setattr(const InodePtr& inode, const AttributeChange& change,
                                  Done<Attributes> done) {
  if (core_.stopping) return done(mount_is_ending());
  if (change.size && inode->type == FileType::directory) return done(Error(Code::is_a_directory));
  auto finish = [this, inode, done = std::move(done)](const Result<void>& changed) mutable {
    if (!changed) return done(changed.error());
    Attributes attributes;
    {
      const MutexLock lock(core_.tree.mutex);
      attributes = core_.tree.show(*inode);
    }
    done(attributes);
  };
  auto rest = [this, inode, change,
               finish = std::move(finish)](const Result<void>& resized) mutable {
    const bool stored =
        change.mode || change.uid || change.gid || change.mtime_ns || change.atime_ns;
    if (!resized || !stored) return finish(resized);
    this->change(
        inode,
        [this, change](Inode& changed, StoredAttributes& attributes)
            NO_THREAD_SAFETY_ANALYSIS -> Result<bool> {  // `change` holds the lock
              return edit_attributes(changed, change, attributes);
            },
        std::move(finish));
  };
  if (!change.size) return rest(Result<void>());
  files_.resize(inode, *change.size, change.drop_set_ids, std::move(rest));
}

bool AttributeOperations::edit_attributes(Inode& inode, const AttributeChange& change,
                                          StoredAttributes& stored) const {
  const Attributes before = core_.tree.attributes(inode);
  const bool owner_changes = change.uid || change.gid;
  uint32_t mode = change.mode.value_or(before.mode);
  // As chown(2) has it, also for root.
  if (owner_changes && inode.type == FileType::file && !change.mode) mode = without_set_ids(mode);
  bool changed = false;
  if (mode != before.mode) stored.mode = mode, changed = true;
  if (change.uid && *change.uid != before.uid) stored.uid = change.uid, changed = true;
  if (change.gid && *change.gid != before.gid) stored.gid = change.gid, changed = true;
  if (change.mtime_ns && stored.mtime_ns != change.mtime_ns) {
    stored.mtime_ns = change.mtime_ns;
    inode.mtime_ns = *change.mtime_ns;
    changed = true;
  }
  if (change.atime_ns && before.atime_ns != *change.atime_ns) {
    stored.atime_ns = change.atime_ns;
    changed = true;
  }
  return changed;
}

void AttributeOperations::change(const InodePtr& inode, Edit edit, Done<void> done) {
  attributes_.learn(inode, [this, inode, edit = std::move(edit),
                            done = std::move(done)](const Result<void>& learned) mutable {
    const bool no_marker = !learned && learned.code() == Code::not_found && inode->directory;
    if (!learned && !no_marker) return done(look_up_again(learned.error()));
    Result<bool> changed = false;
    bool owed = false;
    {
      const MutexLock lock(core_.tree.mutex);
      // What could not be stored is not stored by asking for the same once more.
      owed = inode->stored_dirty || (inode->directory && inode->directory->marker_owed);
      StoredAttributes stored = inode->stored;
      changed = inode->vanished() ? Result<bool>(Tree::gone(*inode)) : edit(*inode, stored);
      if (changed && *changed &&
          metadata_bytes(to_metadata(stored, inode->type)) + reserved_metadata_bytes >
              max_metadata_bytes) {
        changed = Error(Code::no_space,
                        fmt::format("an object's metadata may have {} bytes in all, mode, owner "
                                    "and times included, of which {} are kept for those",
                                    max_metadata_bytes, reserved_metadata_bytes));
      }
      if (changed) {
        inode->stored = std::move(stored);
        inode->stored_known = true;
        inode->ctime_ns = wall_clock_ns();
      }
    }
    if (!changed) return done(changed.error());
    if (!*changed && !owed) return done({});
    save(inode, std::move(done));
  });
}

void AttributeOperations::save(const InodePtr& inode, Done<void> done) {
  const bool directory = inode->type == FileType::directory;
  bool deleted = false;
  {
    const MutexLock lock(core_.tree.mutex);
    deleted = inode->deleted();
    if (!deleted) (directory ? inode->directory->marker_owed : inode->stored_dirty) = true;
  }
  if (deleted) return done({});
  if (!directory) return committer_.save_stored(inode, std::move(done));
  core_.when_name_settled(inode, [this, inode, done = std::move(done)]() mutable {
    core_.store_marker(inode, [this, inode, done = std::move(done)](Result<void> stored) mutable {
      if (stored) attributes_.note_carried(inode);
      done(std::move(stored));
    });
  });
}

void AttributeOperations::read_link(const InodePtr& inode, Done<std::string> done) {
  std::shared_ptr<ObjectReader> reader;
  uint64_t size = 0;
  std::string known;
  std::optional<Error> gone;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (core_.tree.attributes(*inode).type != FileType::symlink)
      return after.answer(std::move(done), Error(Code::invalid_argument));
    known = inode->stored.target.value_or(inode->link_target);
    size = inode->size;
    if (Result<std::string> key = core_.tree.key_of(*inode); !key) {
      gone = key.error();
    } else if (known.empty()) {
      reader = core_.parts.reads.open(
          ObjectVersion{.key = std::move(*key), .etag = inode->etag, .size = size},
          [](const ObjectInfo&) {});
    }
  }
  if (gone) return done(*gone);
  if (!known.empty()) return done(std::move(known));
  // PATH_MAX, the byte behind it included: nothing that the kernel would follow.
  if (size == 0 || size >= 4096)
    return done(Error(Code::corrupt, "the object is not the target of a symbolic link"));
  ObjectReader& target = *reader;
  target.read(
      {0, size}, {},
      core_.tracked<Slices>([this, inode, reader = std::move(reader),
                             done = std::move(done)](Result<Slices> slices) mutable {
        // Where this mount is deleting or renaming the link, what becomes of the name tells more.
        if (!slices && core_.is_leaving(inode)) {
          return core_.when_name_settled(inode, [this, inode, done = std::move(done)]() mutable {
            read_link(inode, std::move(done));
          });
        }
        if (!slices) return done(slices.error());
        std::string text = to_text(*slices);
        if (text.find('\0') != std::string::npos)
          return done(Error(Code::corrupt, "the target of a symbolic link has a zero byte"));
        {
          const MutexLock lock(core_.tree.mutex);
          if (text.size() == inode->size) inode->link_target = text;
        }
        done(std::move(text));
      }));
}

}  // namespace penstock
