// SPDX-License-Identifier: Apache-2.0
#include "fs/files/file_operations.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "fs/names/lock_name.h"

namespace penstock {
namespace {

/// Bytes of a deleted file that is surely in memory alone: less than the smallest part.
constexpr uint64_t largest_unleased = 4ULL << 20;

}  // namespace

void FileOperations::create(const Create& request, Done<Created> done) {
  Result<Created> created = Created();
  PutRequest put;
  NameLock::Use use;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (core_.stopping) return after.answer(std::move(done), mount_is_ending());
    if (core_.leaving(*request.parent)) {
      return core_.wait_for_name(request.parent, [this, request, done = std::move(done)]() mutable {
        create(request, std::move(done));
      });
    }
    Result<void> valid = core_.tree.check_name(*request.parent, request.name, FileType::file,
                                               core_.limits.max_key_bytes);
    if (!valid) return after.answer(std::move(done), valid.error());
    if (core_.tree.child(*request.parent, request.name) != nullptr) {
      // The kernel did not know of it. It looks again, and asks for what it may do with the file.
      const Code refusal = request.exclusive ? Code::already_exists : Code::changed;
      return after.answer(std::move(done), Error(refusal));
    }
    if (!request.exclusive || !asks_at_open(request.name)) {
      created = make_new(request, nullptr);
    } else {
      put.key = core_.tree.child_key(*request.parent, request.name, FileType::file).value();
      put.metadata =
          to_metadata(core_.tree.initial_attributes(*request.parent, request.name, FileType::file,
                                                    request.mode, request.caller),
                      FileType::file);
      put.condition.if_none_match = true;
      use = core_.use(request.parent);
    }
  }
  if (put.key.empty()) return done(std::move(created));
  const Scheduler::Time sent = core_.parts.scheduler.now();
  core_.parts.store.put(
      std::move(put),
      core_.tracked<ObjectInfo>([this, request, sent, use = std::move(use),
                                 done = std::move(done)](Result<ObjectInfo> info) mutable {
        if (!info && FsCore::is_refusal(info.code()))
          info = core_.already_there(request.parent, request.name);
        Result<Created> made = Created();
        if (info) {
          const MutexLock lock(core_.tree.mutex);
          made = make_new(request, &*info);
          const InodePtr inode = core_.tree.child(*request.parent, request.name);
          if (inode != nullptr) core_.tree.told_own(*inode, sent);
        } else {
          made = info.error();
        }
        use.end();
        done(std::move(made));
      }));
}

bool FileOperations::asks_at_open(const std::string& name) const {
  using When = MountOptions::ExclusiveCreate;
  const When when = core_.mount.exclusive_create;
  return when == When::at_open || (when == When::automatic && lock_name(name));
}

Result<Created> FileOperations::make_new(const Create& request, const ObjectInfo* stored) {
  const InodePtr inode = core_.tree.add_child(request.parent, request.name, FileType::file);
  inode->stored = core_.tree.initial_attributes(*request.parent, request.name, FileType::file,
                                                request.mode, request.caller);
  inode->stored_known = true;
  inode->local_only = stored == nullptr;
  if (stored != nullptr) inode->etag = stored->etag;
  inode->mtime_ns = inode->ctime_ns = wall_clock_ns();
  core_.tree.note_change(*request.parent, request.name);
  Tree::names_changed(*request.parent);
  const Result<void> writing =
      open_writer(inode, stored == nullptr, request.exclusive && stored == nullptr);
  if (!writing) return writing.error();
  return Created{.entry = core_.tree.entry(inode),
                 .opened = make_handle(inode, request.flags, true)};
}

void FileOperations::note_written(Inode& inode) {
  inode.mtime_ns = inode.ctime_ns = wall_clock_ns();
  // A time that was set before is no longer the file's.
  inode.stored.mtime_ns.reset();
  // New contents can be read at once: they are not stored where they would have to be restored.
  inode.archive = Inode::Archive::no;
  Metadata& other = inode.stored.other;
  const auto storage_class = other.find(header::storage_class);
  if (storage_class != other.end() && is_archive_class(storage_class->second))
    other.erase(storage_class);
}

/// After a call that may have changed no byte: then only the file's time is to be stored.
void FileOperations::note_time_alone(Inode& inode) {
  const bool stored = !inode.local_only && inode.named() && inode.writer() != nullptr &&
                      !inode.writer()->dirty() && inode.commits_running == 0;
  if (!stored) return;
  inode.stored.mtime_ns = inode.mtime_ns;
  inode.stored_dirty = true;
}

Result<void> FileOperations::open_writer(const InodePtr& inode, bool truncate, bool exclusive) {
  if (inode->writer() != nullptr) return {};
  const Result<std::string> key = core_.tree.key_of(*inode);
  if (!key) return key.error();
  std::optional<WriteBase> base;
  const Metadata metadata = to_metadata(inode->stored, FileType::file);
  if (!truncate) {
    base = WriteBase{
        ObjectInfo{.key = *key, .size = inode->size, .etag = inode->etag, .metadata = metadata}};
  }
  (void)inode->set_writer(
      core_.parts.writes.open({.key = *key, .exclusive = exclusive}, std::move(base), metadata));
  inode->may_be_mapped = false;
  // Of those who have it open some may read.
  if (inode->handles > 0) inode->writer()->expect_reads();
  core_.tree.note_writer(inode);
  return {};
}

Opened FileOperations::make_handle(const InodePtr& inode, OpenFlags flags, bool created) {
  const auto handle = std::make_shared<FileHandle>();
  handle->held = handle;
  handle->inode = inode;
  handle->flags = flags;
  ++inode->handles;
  if (flags.read && inode->writer() != nullptr) inode->writer()->expect_reads();
  if (flags.read) ++inode->read_handles;
  if (flags.write && flags.read) inode->may_be_mapped = true;
  handle->writes = flags.write || created;
  if (handle->writes) {
    ++inode->write_handles;
    note_writer(*handle, flags.process);
  }
  Opened opened;
  opened.closes_quietly = !handle->writes;
  // What is written in one piece gains nothing from the page cache: half the CPU without it. Reads
  // of an archived object pass the page cache by, too: what waits hours for a restoration must be a
  // program's own read, which a signal can end, and no read-ahead of the kernel.
  const bool archived = flags.read && inode->archive == Inode::Archive::yes;
  handle->archived = archived;
  opened.direct_io = archived || (flags.write && !flags.read);
  opened.keep_page_cache =
      inode->writer() == nullptr && !inode->etag.empty() && inode->cached_pages == inode->etag;
  inode->cached_pages = inode->writer() == nullptr ? inode->etag : ETag();
  if (!opened.keep_page_cache && inode->write_handles > (handle->writes ? 1 : 0))
    inode->pages_dropped = true;
  core_.open_files.insert(handle.get());
  opened.handle = reinterpret_cast<HandleId>(handle.get());
  return opened;
}

void FileOperations::open(const InodePtr& inode, OpenFlags flags, Done<Opened> done) {
  NameTurns::Place place;
  {
    const MutexLock lock(core_.tree.mutex);
    place = place_of(*inode);
  }
  core_.turns.opening(place, flags.thread);
  auto ended = [this, place = std::move(place), thread = flags.thread,
                done = std::move(done)](Result<Opened> opened) mutable {
    // The kernel looks the name up again, and whoever is about to replace the file waits for that.
    const bool again = !opened && opened.code() == Code::changed;
    again ? core_.turns.sent_back(place, thread) : core_.turns.arrived(place, thread);
    done(std::move(opened));
  };
  open_known(inode, flags, std::move(ended));
}

void FileOperations::open_known(const InodePtr& inode, OpenFlags flags, Done<Opened> done) {
  if (flags.write && core_.stopping) return done(mount_is_ending());
  if (inode->type == FileType::directory) return done(Error(Code::is_a_directory));
  if (flags.truncate && !flags.write) {
    return resize(
        inode, 0, flags.drop_set_ids,
        [this, inode, flags, done = std::move(done)](const Result<void>& emptied) mutable {
          if (!emptied) return done(emptied.error());
          flags.truncate = false;
          open_known(inode, flags, std::move(done));
        });
  }
  ask_to_open(inode, flags,
              [this, inode, flags, done = std::move(done)](const Result<void>& fresh) mutable {
                if (!fresh) return done(look_up_again(fresh.error()));
                if (flags.write || !archived_.must_look(*inode))
                  return open_fresh(inode, flags, std::move(done));
                archived_.look(inode, [this, inode, flags, done = std::move(done)]() mutable {
                  open_fresh(inode, flags, std::move(done));
                });
              });
}

NameTurns::Place FileOperations::place_of(const Inode& inode) {
  return {inode.named() ? inode.parent->id : inode.was_in, inode.name};
}

void FileOperations::open_fresh(const InodePtr& inode, OpenFlags flags, Done<Opened> done) {
  if (flags.write) {
    // What a rewrite keeps (mode, owner, the metadata of others) must be known before it can be
    // kept.
    bool known = false;
    {
      const MutexLock lock(core_.tree.mutex);
      known = inode->stored_known || inode->writer() != nullptr || !inode->named();
    }
    if (!known) {
      return attributes_.learn(
          inode, [this, inode, flags, done = std::move(done)](const Result<void>& learned) mutable {
            if (!learned) return done(look_up_again(learned.error()));
            open_fresh(inode, flags, std::move(done));
          });
    }
  }
  std::shared_ptr<FileBytes> truncate;
  std::shared_ptr<ObjectReader> reader;
  std::shared_ptr<HandleVersion> dropped;
  NameLock::Use use;
  Opened opened;
  Result<void> possible;
  {
    const MutexLock lock(core_.tree.mutex);
    // While this file is being replaced or deleted, it is the old one no longer, and not yet gone.
    if (inode->claims.leaving() || (flags.write && core_.leaving(*inode))) {
      return core_.wait_for_name(inode, [this, inode, flags, done = std::move(done)]() mutable {
        open_fresh(inode, flags, std::move(done));
      });
    }
    // Of a deleted file those that have it open hold what there is.
    if (inode->vanished() || (inode->deleted() && inode->handles == 0))
      possible = Tree::gone(*inode);
    if (possible && flags.write) {
      if (inode->writer() != nullptr && flags.truncate) truncate = inode->writer();
      possible = open_writer(inode, flags.truncate, false);
    }
    if (possible && flags.write) {
      if (truncate != nullptr) use = core_.use(inode);
      if (flags.truncate) {
        note_written(*inode);
        if (flags.drop_set_ids) drop_inode_set_ids(*inode);
      }
    }
    if (possible) {
      opened = make_handle(inode, flags);
      if (!flags.write && inode->writer() == nullptr && inode->size > 0) {
        auto found =
            FileReads::version_for(core_, *reinterpret_cast<FileHandle*>(opened.handle), dropped);
        if (found) reader = (*found)->reader;
      }
    }
  }
  if (!possible) return done(possible.error());
  if (reader != nullptr && flags.take_backing)
    return find_backing(inode, *reader, std::move(opened), std::move(done));
  if (reader != nullptr) return ask_first(inode, *reader, std::move(opened), std::move(done));
  if (truncate == nullptr) return done(std::move(opened));
  truncate->truncate(0, [this, opened, use = std::move(use),
                         done = std::move(done)](const Result<void>& truncated) mutable {
    use.end();
    if (truncated) return done(opened);
    release(reinterpret_cast<FileHandle*>(opened.handle));
    done(truncated.error());
  });
}

void FileOperations::find_backing(const InodePtr& inode, ObjectReader& reader, Opened opened,
                                  Done<Opened> done) {
  // The handle, which nobody can release yet, holds the reader.
  reader.find_backing(core_.tracked<std::shared_ptr<const BackingFile>>(
      [this, inode, &reader, opened = std::move(opened),
       done = std::move(done)](Result<std::shared_ptr<const BackingFile>> backing) mutable {
        if (backing) opened.backing = std::move(*backing);
        if (opened.backing != nullptr) {
          opened.direct_io = false;
          return done(std::move(opened));
        }
        ask_first(inode, reader, std::move(opened), std::move(done));
      }));
}

void FileOperations::write(const FileHandlePtr& handle, const WriteAt& at,
                           std::span<const std::byte> data, Done<void> done) {
  bool overtaken = false;
  {
    const MutexLock lock(core_.tree.mutex);
    note_writer(*handle, at.process);
    overtaken = std::exchange(handle->inode->pages_dropped, false);
  }
  if (at.sync) {
    done = [this, handle, done = std::move(done)](Result<void> written) mutable {
      if (!written) return done(std::move(written));
      sync(*handle, std::move(done));
    };
  }
  // A kernel drops the pages before it sends a write past them, and not every one does so once more
  // behind it: what a reader has put there meanwhile would stay.
  if (at.direct && handle->flags.write && !handle->flags.read) {
    done = [this, inode = handle->inode, done = std::move(done)](Result<void> written) mutable {
      bool read = false;
      {
        const MutexLock lock(core_.tree.mutex);
        read = inode->read_handles > 0;
      }
      if (!read) return done(std::move(written));
      core_.kernel.forget_data(inode->id,
                               [done = std::move(done), written = std::move(written)]() mutable {
                                 done(std::move(written));
                               });
    };
  } else if (overtaken) {
    // A write that goes through the pages has changed those that the open dropped, perhaps. Until
    // it is answered the kernel may hold its pages, and would never get through with this.
    done = [this, id = handle->inode->id, done = std::move(done)](Result<void> written) mutable {
      done(std::move(written));
      core_.kernel.forget_data(id, [] {});
    };
  }
  write_to(handle->inode, at.append, at.offset, data, std::move(done));
}

/// Without the handle: a program that is killed while this waits is answered at once, and then its
/// handle is gone.
void FileOperations::write_to(const InodePtr& inode, bool append, uint64_t offset,
                              std::span<const std::byte> data, Done<void> done) {
  std::shared_ptr<FileBytes> writer;
  NameLock::Use use;
  bool waits = false;
  bool lease = false;
  {
    Deferred after;
    const MutexLock lock(core_.tree.mutex);
    if (core_.stopping) return after.answer(std::move(done), mount_is_ending());
    if (inode->vanished()) return after.answer(std::move(done), Tree::gone(*inode));
    waits = core_.leaving(*inode);
    if (!waits) writer = inode->writer();
    if (writer != nullptr) use = core_.use(inode);
    note_written(*inode);
    // Of a deleted file that was never stored there may be an object once it is large.
    const bool kept_unstored = inode->deleted() && !inode->kept_key.empty() && !inode->kept_copy;
    if (writer != nullptr && kept_unstored)
      lease = std::max(offset, append ? writer->size() : 0) + data.size() > largest_unleased;
    if (lease) inode->kept_copy = true;
  }
  if (lease) deleted_.lease([](const Result<void>&) {});
  if (waits) {
    return core_.when_name_settled(
        inode, [this, inode, append, offset, bytes = std::vector(data.begin(), data.end()),
                done = std::move(done)]() mutable {
          write_to(inode, append, offset, bytes, std::move(done));
        });
  }
  if (writer == nullptr) return done(Error(Code::bad_handle));
  auto written = [use = std::move(use), done = std::move(done)](Result<void> result) mutable {
    use.end();
    done(std::move(result));
  };
  if (!append) return writer->write(offset, data, std::move(written));
  writer->append(data, [written = std::move(written)](const Result<uint64_t>& at) mutable {
    written(at ? Result<void>() : Result<void>(at.error()));
  });
}

void FileOperations::resize(const InodePtr& inode, uint64_t size, bool drop_ids, Done<void> done) {
  // Through a handle of its own: what open and close do is what truncate(2) needs.
  const OpenFlags flags{.read = false, .write = true, .truncate = size == 0};
  open(inode, flags,
       [this, inode, size, drop_ids, done = std::move(done)](Result<Opened> opened) mutable {
         if (!opened) return done(opened.error());
         auto* handle = reinterpret_cast<FileHandle*>(opened->handle);
         std::shared_ptr<FileBytes> writer;
         NameLock::Use use;
         bool others = false;
         {
           const MutexLock lock(core_.tree.mutex);
           writer = inode->writer();
           use = core_.use(inode);
           others = inode->unflushed_handles > 1;
           set_unflushed(*handle, false);  // it is stored here, or by the others
           note_written(*inode);
           if (drop_ids) drop_inode_set_ids(*inode);
         }
         writer->truncate(size, [this, handle, others, use = std::move(use),
                                 done = std::move(done)](Result<void> truncated) mutable {
           if (truncated) {
             const MutexLock lock(core_.tree.mutex);
             note_time_alone(*handle->inode);
           }
           use.end();
           // With other writers the new size is committed when they close or sync.
           if (!truncated || others) {
             release(handle);
             return done(std::move(truncated));
           }
           flush(*handle, {}, [this, handle, done = std::move(done)](Result<void> flushed) mutable {
             release(handle);
             done(std::move(flushed));
           });
         });
       });
}

bool FileOperations::drop_set_ids(FileHandle& handle, bool all) {
  const MutexLock lock(core_.tree.mutex);
  return drop_inode_set_ids(*handle.inode, all);
}

bool FileOperations::drop_inode_set_ids(Inode& inode, bool all) {
  const Attributes now = core_.tree.attributes(inode);
  const uint32_t kept = without_set_ids(now.mode) & ~(all ? uint32_t{S_ISGID} : 0U);
  if (kept == now.mode) return false;
  inode.stored.mode = kept;
  inode.stored_dirty = true;
  return true;
}

}  // namespace penstock
