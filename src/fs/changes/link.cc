// SPDX-License-Identifier: Apache-2.0
// NameOperations: link(2). An object has one key, so the new name gets a copy of the object.
#include <utility>

#include "base/wall_clock.h"
#include "fs/changes/name_operations.h"

namespace penstock {
namespace {

/// Copies that begin anew because another version was stored meanwhile.
constexpr uint32_t most_tries = 5;

}  // namespace

void NameOperations::link(const Link& request, Done<Entry> done) {
  if (core_.mount.hard_links == MountOptions::HardLinks::off)
    return done(
        Error(Code::not_permitted, "hard links are switched off, and an object has one key"));
  core_.when_name_settled(request.parent, [this, request, done = std::move(done)]() mutable {
    core_.when_name_settled(request.inode, [this, request, done = std::move(done)]() mutable {
      link_settled(request, most_tries, std::move(done));
    });
  });
}

std::optional<Error> NameOperations::refuse_link(const Link& request) const {
  if (core_.stopping) return mount_is_ending();
  if (request.inode->type == FileType::directory) return Error(Code::not_permitted);
  if (request.inode->deleted()) return Error(Code::not_found);
  if (const Result<std::string> key = core_.tree.key_of(*request.inode); !key) return key.error();
  const Result<void> valid = core_.tree.check_name(*request.parent, request.name, FileType::file,
                                                   core_.limits.max_key_bytes);
  if (!valid) return valid.error();
  if (core_.tree.child(*request.parent, request.name) != nullptr)
    return Error(Code::already_exists);
  return std::nullopt;
}

/// commit what is unsent → learn what the object carries → copy
void NameOperations::link_settled(const Link& request, uint32_t tries, Done<Entry> done) {
  std::optional<Error> refused;
  {
    const MutexLock lock(core_.tree.mutex);
    refused = refuse_link(request);
  }
  if (refused) return done(*refused);
  // The bytes that both names shall have are those that were written until now.
  committer_.commit(request.inode, [this, request, tries,
                                    done = std::move(done)](const Result<void>& stored) mutable {
    // That another node has made the file first says nothing of the new name.
    if (!stored && stored.code() == Code::already_exists)
      return done(stored.error().with_code(Code::changed));
    if (!stored) return done(stored.error());
    attributes_.learn(request.inode, [this, request, tries,
                                      done = std::move(done)](const Result<void>& learned) mutable {
      if (!learned) return done(learned.error());
      link_stored(request, tries, std::move(done));
    });
  });
}

void NameOperations::link_stored(const Link& request, uint32_t tries, Done<Entry> done) {
  CopyObject copy;
  StoredAttributes stored;
  std::optional<Error> refused;
  NameLock::Use use;
  {
    const MutexLock lock(core_.tree.mutex);
    refused = refuse_link(request);
    const Inode& inode = *request.inode;
    // Empty, and nobody has closed it yet.
    if (!refused && inode.etag.empty()) refused = Error(Code::not_found, "it is not stored yet");
    if (!refused) {
      stored = of_copy(inode, request.name);
      copy = {.source = core_.tree.key_of(inode).value(),
              .target = core_.tree.child_key(*request.parent, request.name, FileType::file).value(),
              .size = inode.size,
              .etag = inode.etag,
              .metadata = to_metadata(stored, inode.type),
              .condition = {.if_none_match = true}};
      core_.tree.note_change(*request.parent, request.name);
      use = core_.use(request.parent);
    }
  }
  if (refused) return done(*refused);
  const Scheduler::Time sent = core_.parts.scheduler.now();
  core_.parts.copier.copy(
      std::move(copy),
      core_.tracked<ObjectInfo>([this, request, stored, tries, sent, use = std::move(use),
                                 done = std::move(done)](Result<ObjectInfo> info) mutable {
        Entry entry;
        InodePtr made;
        if (info) {
          const MutexLock lock(core_.tree.mutex);
          made = link_made(request, stored, *info, sent);
          entry = core_.tree.entry(made);
        }
        use.end();
        if (info) {
          attributes_.note_carried(made);
          return done(entry);
        }
        link_refused(request, tries, info.error(), std::move(done));
      }));
}

InodePtr NameOperations::link_made(const Link& request, const StoredAttributes& stored,
                                   const ObjectInfo& info, Scheduler::Time sent) {
  InodePtr made = core_.tree.add_child(request.parent, request.name, FileType::file);
  made->stored = stored;
  made->stored_known = true;
  made->link_target = request.inode->link_target;
  made->number = request.inode->number != 0 ? request.inode->number : request.inode->id;
  made->size = info.size;
  made->etag = info.etag;
  Tree::modified_here(*made, info.last_modified_ns);
  made->mtime_ns = request.inode->mtime_ns;
  made->ctime_ns = request.inode->ctime_ns = wall_clock_ns();
  core_.tree.note_change(*request.parent, request.name);
  Tree::names_changed(*request.parent);
  core_.tree.note_carried(*made);
  core_.tree.told_own(*made, sent);
  return made;
}

/// S3 says the same of a taken name and of a source that is another version by now: whether there
/// is an object under the new name decides.
void NameOperations::link_refused(const Link& request, uint32_t tries, const Error& error,
                                  Done<Entry> done) {
  if (error.code() != Code::changed && error.code() != Code::already_exists) return done(error);
  Result<std::string> target = Error(Code::not_found);
  {
    const MutexLock lock(core_.tree.mutex);
    target = core_.tree.child_key(*request.parent, request.name, FileType::file);
  }
  if (!target) return done(target.error());
  core_.parts.store.head(
      {.key = *target, .cancel = {}},
      core_.tracked<ObjectInfo>([this, request, tries, error,
                                 done = std::move(done)](const Result<ObjectInfo>& found) mutable {
        if (found) return done(core_.already_there(request.parent, request.name));
        if (found.code() != Code::not_found) return done(found.error());
        if (tries == 0) return done(error.with_code(Code::changed));
        link_settled(request, tries - 1, std::move(done));
      }));
}

}  // namespace penstock
