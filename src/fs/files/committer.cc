// SPDX-License-Identifier: Apache-2.0
#include "fs/files/committer.h"

#include <algorithm>

#include "base/join.h"
#include "data/write_back/temporary_name.h"

namespace penstock {
namespace {

/// Between background tries of a commit that failed after its close: 1 s, doubling, at most this.
constexpr std::chrono::seconds longest_retry_pause{30};

/// How long the upload of a temporary name waits for the name to change.
constexpr std::chrono::seconds rename_patience{5};

}  // namespace

std::shared_ptr<FileDurability> Committer::dirty_writer(const Inode& inode) const {
  const bool dirty = !inode.deleted() && inode.writer() != nullptr && inode.writer()->dirty();
  return dirty ? inode.writer() : nullptr;
}

NameLock::Use Committer::begin_commit(const InodePtr& inode) {
  ++inode->commits_running;
  return core_.use(inode);
}

NextObject Committer::take_request(Inode& inode) const {
  inode.stored_dirty = false;
  return {.metadata = to_metadata(inode.stored, inode.type),
          .before = {.version = inode.local_only ? inode.replaces : inode.etag,
                     .removed = inode.vanished()}};
}

void Committer::commit(const InodePtr& inode, Done<void> done) {
  commit(inode, Leaving::waits, answering(inode, &Committer::commit, std::move(done)));
}

void Committer::commit_leaving(const InodePtr& inode, Done<void> done) {
  commit(inode, Leaving::goes, [done = std::move(done)](const Result<Ending>& ended) mutable {
    done(ended ? Result<void>() : Result<void>(ended.error()));
  });
}

void Committer::commit(const InodePtr& inode, Leaving leaving, Done<Ending> done) {
  promise(inode, leaving,
          [this, inode, leaving, done = std::move(done)](Result<Kept> kept) mutable {
            if (!kept) return done(kept.error());
            if (*kept == Kept::promised) return upload(inode, leaving, std::move(done));
            store(inode, leaving, *kept, std::move(done));
          });
}

/// Whether a file whose commit was given up still has to be stored is known when the deletion or
/// the rename has ended.
Done<Committer::Ending> Committer::answering(const InodePtr& inode, Waiting again,
                                             Done<void> done) {
  return [this, inode, again, done = std::move(done)](const Result<Ending>& ended) mutable {
    if (!ended) return done(ended.error());
    if (*ended == Ending::stored) return done({});
    bool goes = false;
    {
      const MutexLock lock(core_.tree.mutex);
      goes = core_.leaving(*inode) || inode->deleted();
    }
    // Nothing but the end of what commits it gives it up then, which would do so once more.
    if (!goes) return done(Error(Code::unavailable, "the upload was given up"));
    core_.when_name_settled(inode, [this, inode, again, done = std::move(done)]() mutable {
      (this->*again)(inode, std::move(done));
    });
  };
}

void Committer::close(const InodePtr& inode, Done<void> done) {
  promise(inode, Leaving::waits, [this, inode, done = std::move(done)](Result<Kept> kept) mutable {
    if (!kept) return done(kept.error());
    if (*kept != Kept::promised) {
      return store(inode, Leaving::waits, *kept,
                   answering(inode, &Committer::close, std::move(done)));
    }
    done({});
    plan_upload(inode);
  });
}

void Committer::promise(const InodePtr& inode, Leaving leaving, Done<Kept> done) {
  std::shared_ptr<FileDurability> writer;
  NextObject request;
  {
    const MutexLock lock(core_.tree.mutex);
    auto again = [this, inode](Leaving how, Done<Kept> waiting) {
      return [this, inode, how, waiting = std::move(waiting)]() mutable {
        promise(inode, how, std::move(waiting));
      };
    };
    if (waits(*inode, leaving))
      return core_.wait_for_name(inode, again(Leaving::waits, std::move(done)));
    if (inode->saving_attributes) {
      inode->after_commits.emplace_back(again(leaving, std::move(done)));
      return;
    }
    writer = dirty_writer(*inode);
    if (writer != nullptr) request = take_request(*inode);
  }
  if (writer == nullptr) return done(Kept::clean);
  writer->persist(
      std::move(request),
      core_.tracked<bool>([this, inode, done = std::move(done)](Result<bool> promised) mutable {
        if (promised) return done(*promised ? Kept::promised : Kept::by_store);
        bool unattended = false;
        {
          const MutexLock lock(core_.tree.mutex);
          inode->stored_dirty = true;
          unattended = inode->write_handles == 0;
        }
        log_failure(inode, promised.error());
        if (unattended) retry_later(inode);
        done(promised.error());
      }));
}

void Committer::store(const InodePtr& inode, Leaving leaving, Kept kept, Done<Ending> done) {
  std::shared_ptr<FileDurability> writer;
  NameLock::Use use;
  bool anew = false;
  bool save = false;
  {
    const MutexLock lock(core_.tree.mutex);
    if (waits(*inode, leaving)) {
      return core_.wait_for_name(inode, [this, inode, done = std::move(done)]() mutable {
        commit(inode, Leaving::waits, std::move(done));
      });
    }
    writer = dirty_writer(*inode);
    save = writer == nullptr && inode->named() && inode->stored_dirty;
    if (inode->saving_attributes || (save && inode->commits_running > 0)) {
      inode->after_commits.emplace_back([this, inode, leaving, done = std::move(done)]() mutable {
        commit(inode, leaving, std::move(done));
      });
      return;
    }
    // Another thread has written to the file, or has stored it, since the promise was asked for.
    anew = (writer != nullptr) != (kept == Kept::by_store);
    if (!anew) inode->saving_attributes = save;
    if (!anew && (save || writer != nullptr)) use = begin_commit(inode);
  }
  if (anew) return commit(inode, leaving, std::move(done));
  if (save) return store_attributes(inode, std::move(use), std::move(done));
  if (writer == nullptr) return done(Ending::stored);
  run_commit(inode, writer, std::move(use), std::move(done));
}

void Committer::sync(const InodePtr& inode, Done<void> done) {
  if (core_.parts.sync_to_store) return commit(inode, std::move(done));
  close(inode, std::move(done));
}

void Committer::sync_below(const InodePtr& directory, Done<void> done) {
  std::vector<InodePtr> below;
  {
    const MutexLock lock(core_.tree.mutex);
    for (const InodePtr& inode : core_.tree.writing()) {
      if (dirty_writer(*inode) == nullptr) continue;
      const Inode* at = inode.get();
      while (at != nullptr && at != directory.get()) at = at->parent.get();
      if (at != nullptr) below.push_back(inode);
    }
  }
  if (below.empty()) return done({});
  const auto all = std::make_shared<Join>(below.size(), std::move(done));
  for (const InodePtr& inode : below) sync_promised(inode, all->part());
}

void Committer::sync_promised(const InodePtr& inode, Done<void> done) {
  promise(inode, Leaving::waits, [this, inode, done = std::move(done)](Result<Kept> kept) mutable {
    if (!kept) return done(kept.error());
    // What only the store keeps is not waited for: its close stores it.
    if (*kept != Kept::promised) return done({});
    if (core_.parts.sync_to_store) {
      return upload(inode, Leaving::waits,
                    answering(inode, &Committer::sync_promised, std::move(done)));
    }
    done({});
    plan_upload(inode);
  });
}

void Committer::renew_promise(const InodePtr& inode, Done<void> done) {
  std::shared_ptr<FileDurability> writer;
  NextObject request;
  {
    const MutexLock lock(core_.tree.mutex);
    // A writer counts although the journal refused its last promise: what it holds has the new
    // name, too, and a later promise shall say so.
    writer = dirty_writer(*inode);
    if (writer != nullptr) request = take_request(*inode);
  }
  if (writer == nullptr) return done({});
  writer->persist_name(
      std::move(request),
      core_.tracked<void>([this, inode, done = std::move(done)](Result<void> kept) mutable {
        bool owes = false;
        {
          const MutexLock lock(core_.tree.mutex);
          if (!kept) inode->stored_dirty = true;
          owes = promised(*inode);
        }
        done(std::move(kept));
        if (owes) plan_upload(inode);
      }));
}

void Committer::plan_upload(const InodePtr& inode) {
  bool wait = false;
  {
    const MutexLock lock(core_.tree.mutex);
    // A commit of this file is running. When it ends, committed() begins the upload of what was
    // promised meanwhile.
    if (inode->commits_running > 0) return;
    wait = !core_.stopping && temporary_name(inode->name);
  }
  const auto ignore = [](const Result<Ending>&) {};
  if (!wait) return upload(inode, Leaving::waits, ignore);
  core_.after(rename_patience, [this, weak = std::weak_ptr<Inode>(inode), ignore] {
    if (const InodePtr known = weak.lock()) upload(known, Leaving::waits, ignore);
  });
}

void Committer::upload(const InodePtr& inode, Leaving leaving, Done<Ending> done) {
  std::shared_ptr<FileDurability> writer;
  NameLock::Use use;
  {
    const MutexLock lock(core_.tree.mutex);
    if (waits(*inode, leaving)) {
      return core_.wait_for_name(inode, [this, inode, done = std::move(done)]() mutable {
        upload(inode, Leaving::waits, std::move(done));
      });
    }
    if (inode->saving_attributes) {
      inode->after_commits.emplace_back([this, inode, leaving, done = std::move(done)]() mutable {
        upload(inode, leaving, std::move(done));
      });
      return;
    }
    if (!inode->deleted() && promised(*inode)) writer = inode->writer();
    if (writer != nullptr) use = begin_commit(inode);
  }
  if (writer == nullptr) return done(Ending::stored);
  run_commit(inode, writer, std::move(use), std::move(done));
}

void Committer::run_commit(const InodePtr& inode, const std::shared_ptr<FileDurability>& writer,
                           NameLock::Use use, Done<Ending> done) {
  const uint64_t asked = writer->owed();
  const Scheduler::Time sent = core_.parts.scheduler.now();
  writer->commit(
      core_.tracked<ObjectInfo>([this, inode, asked, sent, use = std::move(use),
                                 done = std::move(done)](Result<ObjectInfo> info) mutable {
        committed(inode, asked, sent, std::move(info), std::move(use), std::move(done));
      }));
}

void Committer::note_stored(const InodePtr& stored, const ObjectInfo& info) {
  Inode& inode = *stored;
  // An answer that is late: its thread stood still while the file's handles were given their copy.
  if (inode.kept_copy && !info.key.empty() && info.key != inode.kept_key) return;
  inode.etag = info.etag;
  inode.size = info.size;
  // `mtime_ns` stays the time of the last write(2), which is finer than the store's Last-Modified,
  // and not later.
  inode.stored_known = true;
  Tree::modified_here(inode, info.last_modified_ns);
  core_.tree.note_carried(inode);
  inode.local_only = false;
  inode.replaces.clear();
  inode.failed_commits = 0;
  ++inode.local_version;
  inode.reader.reset();
  inode.cached_pages.clear();
  if (inode.named()) core_.tree.note_change(*inode.parent, inode.name);
  const Result<std::string> key = core_.tree.key_of(inode);
  if (info.key.empty() || (key && info.key == *key)) return;
  // Stored beside somebody else's object, which has the name now. What programs read of their open
  // file, and still write to it, belongs to the object beside it.
  inode.stored_as = std::make_unique<const std::string>(info.key);
  core_.tree.lose(stored);
}

void Committer::committed(const InodePtr& inode, uint64_t asked, Scheduler::Time sent,
                          Result<ObjectInfo> result, NameLock::Use use, Done<Ending> done) {
  Ended ended;
  bool save = false;
  {
    const MutexLock lock(core_.tree.mutex);
    --inode->commits_running;
    const uint64_t owes = owed(*inode);
    // A close makes a promise; only a commit, again, brings what was promised to the store.
    ended.unattended = inode->write_handles == 0 || owes > 0;
    if (result) {
      // Another commit's upload may have answered this one, which sent nothing then: how old what
      // the store told is, that commit knows.
      const bool told_before = asked > 0 && !inode->local_only && inode->etag == result->etag;
      if (!told_before) core_.tree.told_own(*inode, sent);
      note_stored(inode, *result);
      if (inode->vanished()) ended.look_anew = result->key;
      save = inode->stored_dirty && inode->named() && inode->commits_running == 0 &&
             dirty_writer(*inode) == nullptr;
      // Something was promised meanwhile; or nothing, and the writer only owes that this answer is
      // given. Then the next commit sends nothing: it ends when the answer has, and lets the writer
      // go, which counts as dirty until the version that it stored is noted here.
      ended.more = owes > 0;
    } else if (owes == 0) {
      inode->stored_dirty = true;
    } else {
      // A refusal of what was promised before says nothing of what was promised since.
      ended.more = owes != asked;
    }
    inode->saving_attributes = save;
    if (save) ++inode->commits_running;
    if (inode->commits_running == 0) ended.waiting = std::exchange(inode->after_commits, {});
  }
  if (save) {
    attributes_.note_carried(inode);
    return store_attributes(inode, std::move(use), std::move(done));
  }
  ended.use = std::move(use);
  end_commit(inode, std::move(ended), result, std::move(done));
}

void Committer::end_commit(const InodePtr& inode, Ended ended, const Result<ObjectInfo>& result,
                           Done<Ending> done) {
  ended.use.end();
  if (!ended.look_anew.empty()) core_.look_anew(ended.look_anew);
  if (result) {
    attributes_.note_carried(inode);
    if (ended.more) plan_upload(inode);
    if (ended.unattended) writing_ended(inode);
    done(Ending::stored);
  } else if (result.code() == Code::cancelled) {
    done(Ending::given_up);
  } else {
    log_failure(inode, result.error());
    const bool refused = final_refusal(result.code());
    if (ended.unattended && !refused) retry_later(inode);
    if (ended.more && refused) plan_upload(inode);
    done(result.error());
  }
  for (Callback<void()>& go_on : ended.waiting) go_on();
}

void Committer::save_stored(const InodePtr& inode, Done<void> done) {
  NameLock::Use use;
  bool begin = false;
  bool promised_again = false;
  {
    const MutexLock lock(core_.tree.mutex);
    if (core_.leaving(*inode)) {
      return core_.wait_for_name(inode, [this, inode, done = std::move(done)]() mutable {
        save_stored(inode, std::move(done));
      });
    }
    const bool owes = inode->stored_dirty && !inode->deleted();
    const bool with_contents = owes && dirty_writer(*inode) != nullptr;
    promised_again = with_contents && promised(*inode);
    begin = owes && !with_contents;
    if (begin && inode->commits_running > 0) {
      inode->after_commits.emplace_back(
          [this, inode, done = std::move(done)]() mutable { save_stored(inode, std::move(done)); });
      return;
    }
    inode->saving_attributes |= begin;
    if (begin) use = begin_commit(inode);
  }
  if (promised_again) {
    return core_.when_name_settled(inode, [this, inode, done = std::move(done)]() mutable {
      renew_promise(inode, std::move(done));
    });
  }
  if (!begin) return done({});
  store_attributes(inode, std::move(use),
                   answering(inode, &Committer::save_stored, std::move(done)));
}

void Committer::store_attributes(const InodePtr& inode, NameLock::Use use, Done<Ending> done) {
  CopyObject copy;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    if (Result<std::string> key = core_.tree.key_of(*inode); key) {
      copy.source = copy.target = std::move(*key);
    } else {
      gone = key.error();
    }
    copy.size = inode->size;
    copy.etag = inode->etag;
    // The copy is a new object: without this its time would be that of the change.
    inode->stored.mtime_ns = inode->mtime_ns;
    copy.metadata = to_metadata(inode->stored, inode->type);
    inode->stored_dirty = false;
  }
  const Scheduler::Time sent = core_.parts.scheduler.now();
  if (gone) return attributes_stored(inode, sent, *gone, std::move(use), std::move(done));
  core_.parts.copier.copy(
      std::move(copy),
      core_.tracked<ObjectInfo>([this, inode, sent, use = std::move(use),
                                 done = std::move(done)](Result<ObjectInfo> info) mutable {
        attributes_stored(inode, sent, std::move(info), std::move(use), std::move(done));
      }));
}

void Committer::attributes_stored(const InodePtr& inode, Scheduler::Time sent,
                                  Result<ObjectInfo> result, NameLock::Use use, Done<Ending> done) {
  Ended ended{.use = std::move(use)};
  if (!result) result = look_up_again(result.error());
  const bool gone = !result && result.code() == Code::changed;
  {
    const MutexLock lock(core_.tree.mutex);
    --inode->commits_running;
    inode->saving_attributes = false;
    ended.unattended = inode->write_handles == 0;
    ended.waiting = std::exchange(inode->after_commits, {});
    if (result) {
      core_.tree.told_own(*inode, sent);
      note_stored(inode, *result);
      // What is written from now on is an edit of the copy.
      const Result<std::string> key = core_.tree.key_of(*inode);
      if (inode->writer() != nullptr && key) inode->writer()->base_moved(*key, result->etag);
    } else if (gone && dirty_writer(*inode) == nullptr) {
      // Only attributes were to be stored, and the object that had them is gone: what has its key
      // by now is another client's, and keeps its own.
      inode->stored_dirty = false;
      core_.tree.lose(inode);
    } else {
      inode->stored_dirty = true;
    }
  }
  end_commit(inode, std::move(ended), result, std::move(done));
}

void Committer::when_stored(const InodePtr& inode, Callback<void()> work) {
  {
    const MutexLock lock(core_.tree.mutex);
    if (inode->commits_running > 0) return inode->after_commits.push_back(std::move(work));
  }
  work();
}

void Committer::log_failure(const InodePtr& inode, const Error& error) {
  std::string path;
  bool kept = false;
  bool first = false;
  {
    const MutexLock lock(core_.tree.mutex);
    kept = promised(*inode);
    first = inode->failed_commits == 0;
    path = core_.tree.path_of(*inode);
  }
  const std::string text = error.describe();
  if (!kept) {
    core_.parts.log->error(
        "'{}' could not be stored: {}. Its bytes are kept while the mount lives.", path, text);
  } else if (first) {
    core_.parts.log->warning(
        "'{}' could not be stored: {}. Its bytes are in the journal, and it is tried again until "
        "it works; penstock status tells how it goes.",
        path, text);
  } else {
    core_.parts.log->debug("'{}' could still not be stored: {}", path, text);
  }
}

void Committer::writing_ended(const InodePtr& inode) {
  std::shared_ptr<FileDurability> drop;
  {
    const MutexLock lock(core_.tree.mutex);
    if (inode->writer() == nullptr || inode->write_handles > 0 || inode->commits_running > 0)
      return;
    if (inode->deleted() && inode->handles > 0) return;
    if (!inode->writer()->dirty() || inode->deleted()) drop = inode->set_writer(nullptr);
    if (drop != nullptr) (void)core_.tree.forget(inode->id, 0);
    // What was promised has an upload that is planned.
    if (drop == nullptr && promised(*inode)) return;
  }
  if (drop == nullptr) return retry_later(inode);
  if (drop->pending()) drop->disclaim([](const Result<void>&) {});
  // abandon keeps what it needs alive itself; nobody waits for it but the gate.
  FileDurability& writer = *drop;
  writer.abandon([pass = core_.gate.pass(), drop = std::move(drop)] {});
}

void Committer::retry_later(const InodePtr& inode) {
  std::chrono::seconds pause{};
  {
    const MutexLock lock(core_.tree.mutex);
    if (core_.stopping || inode->retry_planned) return;
    inode->retry_planned = true;
    pause = std::min(longest_retry_pause,
                     std::chrono::seconds(1U << std::min(inode->failed_commits++, 5U)));
  }
  core_.after(pause, [this, weak = std::weak_ptr<Inode>(inode)] {
    const InodePtr known = weak.lock();
    if (known == nullptr) return;
    bool kept = false;
    {
      const MutexLock lock(core_.tree.mutex);
      known->retry_planned = false;
      kept = promised(*known);
      // If a program opened the file again for writing, its close commits the file.
      if ((known->write_handles > 0 && !kept) || known->deleted() || core_.stopping) return;
    }
    kept ? upload(known, Leaving::waits, [](const Result<Ending>&) {})
         : close(known, [](const Result<void>&) {});
  });
}

}  // namespace penstock
