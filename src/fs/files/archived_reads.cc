// SPDX-License-Identifier: Apache-2.0
#include "fs/files/archived_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

using OnArchived = ArchiveOptions::OnArchived;

/// Reads that may wait at a time; each is a program's thread, and some hundred bytes here.
constexpr uint64_t most_waiting = 4096;
/// Between two questions whether the object can be read by now. A restoration takes minutes to
/// days.
constexpr std::chrono::milliseconds first_pause{500};
constexpr std::chrono::milliseconds longest_pause{60'000};
/// After this time the log says what is being waited for.
constexpr std::chrono::seconds said_after{5};

std::string place_of(const ObjectInfo& info) {
  return info.archive_status.empty() ? info.storage_class
                                     : info.storage_class + ", " + info.archive_status;
}

Error refusal(Code code, const ObjectInfo& info, const std::string& key, std::string_view what) {
  return Error(code, Error::Detail{.message = fmt::format("the object is archived ({}) {}",
                                                          place_of(info), what),
                                   .key = key});
}

Error archived(const ObjectInfo& info, const std::string& key) {
  return refusal(Code::archived, info, key,
                 "and must be restored before it can be read: penstock restore PATH, setfattr -n "
                 "user.s3.restore -v DAYS PATH, or mount with --on-archived=restore");
}

Error being_restored(const ObjectInfo& info, const std::string& key) {
  return refusal(Code::being_restored, info, key,
                 "and is being restored: read it again when getfattr -n user.s3.restore says "
                 "'until', or mount with --on-archived=wait");
}

RestoreRequest restore_of(const ObjectInfo& info, const std::string& key, const RestoreWish& wish) {
  const bool moved = is_tiering_class(info.storage_class);
  return {.key = key, .days = moved ? std::nullopt : std::optional(wish.days), .tier = wish.tier};
}

Error interrupted() {
  return Error(Code::interrupted, "the wait for a restoration was interrupted");
}

}  // namespace

/// One read that waits. Guarded by the mutex, but for the interrupt, see PendingRead.
struct ArchivedReads::Waiter {
  Done<void> done;
  std::optional<std::stop_callback<std::function<void()>>> interrupt;
};

/// The reads of one file that wait, and what was done for them:
///   asked (HEAD) -> readable: all go on
///                -> archived: all fail, or a restoration is asked for -> all fail, or a pause ->
///                   asked
struct ArchivedReads::Case {
  Case(InodePtr the_inode, Scheduler::Time now) : inode(std::move(the_inode)), since(now) {}

  const InodePtr inode;
  const Scheduler::Time since;
  std::string key;  ///< As of the last question.
  std::chrono::milliseconds pause = first_pause;
  bool waits = false;
  // Guarded by the mutex.
  bool over = false;
  std::vector<WaiterPtr> waiters;
};

bool ArchivedReads::must_look(const Inode& inode) const {
  const bool waits = core_.parts.archive.on_archived == OnArchived::wait;
  const MutexLock lock(core_.tree.mutex);
  return inode.archive == Inode::Archive::yes ||
         (inode.archive == Inode::Archive::unknown && waits);
}

Result<std::string> ArchivedReads::key_of(const Inode& inode) {
  const MutexLock lock(core_.tree.mutex);
  return core_.tree.key_of(inode);
}

void ArchivedReads::look(const InodePtr& inode, Callback<void()> then) {
  Result<std::string> key = key_of(*inode);
  if (!key) return then();
  core_.parts.store.head({.key = std::move(*key)},
                         core_.tracked<ObjectInfo>([this, inode, then = std::move(then)](
                                                       const Result<ObjectInfo>& info) mutable {
                           if (info) {
                             const MutexLock lock(core_.tree.mutex);
                             if (!tell_apart(info->etag, inode->etag))
                               inode->archive = archive_of(*info);
                           }
                           then();
                         }));
}

Result<ArchivedReads::CasePtr> ArchivedReads::admit(const InodePtr& inode,
                                                    const WaiterPtr& waiter) {
  const MutexLock lock(mutex_);
  if (ended_) return Error(Code::cancelled, "the mount is ending");
  if (waiting_ == most_waiting) {
    return Error(Code::being_restored,
                 fmt::format("{} reads wait for restorations already", most_waiting));
  }
  CasePtr& slot = cases_[inode.get()];
  const bool first = slot == nullptr;
  if (first) slot = std::make_shared<Case>(inode, core_.parts.scheduler.now());
  slot->waiters.push_back(waiter);
  ++waiting_;
  return first ? slot : nullptr;
}

void ArchivedReads::met(const InodePtr& inode, const std::stop_token& cancel, Done<void> done) {
  const auto waiter = std::make_shared<Waiter>();
  waiter->done = std::move(done);
  if (cancel.stop_possible()) {
    waiter->interrupt.emplace(cancel,
                              [this, known = inode.get(), weak = std::weak_ptr<Waiter>(waiter)] {
                                // A reference of its own: the answer destroys this closure while it
                                // runs.
                                if (const WaiterPtr interrupted = weak.lock())
                                  interrupt(known, interrupted);
                              });
  }
  const Result<CasePtr> asks = admit(inode, waiter);
  if (!asks) return answer(*waiter, asks.error());
  if (cancel.stop_requested()) interrupt(inode.get(), waiter);
  if (*asks != nullptr) ask(*asks);
}

void ArchivedReads::interrupt(const Inode* inode, const WaiterPtr& waiter) {
  {
    const MutexLock lock(mutex_);
    const auto found = cases_.find(inode);
    if (found == cases_.end()) return;  // not admitted yet, or answered
    const CasePtr known = found->second;
    if (std::erase(known->waiters, waiter) == 0) return;
    --waiting_;
    // Nobody asks on for it, and who comes next begins anew.
    known->over = known->waiters.empty();
    if (known->over) cases_.erase(found);
  }
  answer(*waiter, interrupted());
}

void ArchivedReads::answer(Waiter& waiter, const Result<void>& result) {
  // Waits for an interrupt that runs: it uses this object, which may end with the last answer.
  waiter.interrupt.reset();
  waiter.done(result);
}

void ArchivedReads::finish(const CasePtr& known, const Result<void>& result) {
  std::vector<WaiterPtr> answered;
  {
    const MutexLock lock(mutex_);
    if (std::exchange(known->over, true)) return;
    cases_.erase(known->inode.get());
    answered = std::move(known->waiters);
    waiting_ -= answered.size();
  }
  for (const WaiterPtr& waiter : answered) answer(*waiter, result);
}

bool ArchivedReads::is_over(const CasePtr& known) {
  const MutexLock lock(mutex_);
  return known->over;
}

void ArchivedReads::ask(const CasePtr& known) {
  if (is_over(known)) return;
  Result<std::string> key = key_of(*known->inode);
  if (!key) return finish(known, key.error());
  known->key = *key;
  core_.parts.store.head({.key = std::move(*key)},
                         core_.tracked<ObjectInfo>([this, known](const Result<ObjectInfo>& info) {
                           looked(known, info);
                         }));
}

void ArchivedReads::looked(const CasePtr& known, const Result<ObjectInfo>& info) {
  if (!info) {
    const bool gone = info.code() == Code::not_found;
    return finish(known, gone ? info.error().with_code(Code::changed) : info.error());
  }
  {
    const MutexLock lock(core_.tree.mutex);
    Inode& inode = *known->inode;
    if (!tell_apart(info->etag, inode.etag)) inode.archive = archive_of(*info);
  }
  // Another version can be tried as well: the read finds out that it is one.
  if (!is_archived(*info)) return finish(known, {});
  const bool ongoing = info->restore && info->restore->ongoing;
  switch (core_.parts.archive.on_archived) {
    case OnArchived::error:
      return finish(known,
                    ongoing ? being_restored(*info, known->key) : archived(*info, known->key));
    case OnArchived::restore:
      return ongoing ? finish(known, being_restored(*info, known->key)) : restore(known, *info);
    case OnArchived::wait:
      return ongoing ? wait(known) : restore(known, *info);
  }
}

void ArchivedReads::restore(const CasePtr& known, const ObjectInfo& info) {
  if (is_over(known)) return;
  const RestoreWish& wish = core_.parts.archive.wish;
  auto asked = [this, known, info](const Result<RestoreAnswer>& answer) {
    const bool waits = core_.parts.archive.on_archived == OnArchived::wait;
    if (!answer && waits && is_retryable(answer.code())) return wait(known);
    if (!answer) return finish(known, answer.error());
    if (*answer == RestoreAnswer::begun) {
      core_.parts.log->info("'{}' is archived ({}): its restoration was asked for ({})", known->key,
                            place_of(info), to_string(core_.parts.archive.wish.tier));
    }
    waits ? wait(known) : finish(known, being_restored(info, known->key));
  };
  core_.parts.store.restore(restore_of(info, known->key, wish),
                            core_.tracked<RestoreAnswer>(std::move(asked)));
}

void ArchivedReads::wait(const CasePtr& known) {
  const std::weak_ptr<Case> weak = known;
  if (!std::exchange(known->waits, true)) {
    core_.after(said_after, [this, weak] {
      if (const CasePtr living = weak.lock()) say_waiting(living);
    });
  }
  const auto pause = known->pause;
  known->pause = std::min(pause * 2, longest_pause);
  // The timer holds the case weakly: when every read that waited for the restoration has been
  // interrupted, nobody asks the store any more.
  core_.after(pause, [this, weak] {
    if (const CasePtr living = weak.lock()) ask(living);
  });
}

void ArchivedReads::say_waiting(const CasePtr& known) {
  size_t reads = 0;
  {
    const MutexLock lock(mutex_);
    reads = known->waiters.size();
  }
  if (reads == 0) return;
  core_.parts.log->warning(
      "{} read(s) of '{}' wait for its restoration from an archive, which takes minutes to days; a "
      "signal to the program ends the wait",
      reads, known->key);
}

void ArchivedReads::request(const InodePtr& inode, const RestoreWish& wish, Done<void> done) {
  Result<std::string> key = key_of(*inode);
  if (!key) return done(key.error());
  auto looked = [this, key = *key, wish,
                 done = std::move(done)](const Result<ObjectInfo>& info) mutable {
    if (!info) return done(info.error());
    core_.parts.store.restore(
        restore_of(*info, key, wish),
        core_.tracked<RestoreAnswer>(
            [done = std::move(done)](const Result<RestoreAnswer>& answer) mutable {
              done(answer ? Result<void>() : Result<void>(answer.error()));
            }));
  };
  core_.parts.store.head({.key = std::move(*key)}, core_.tracked<ObjectInfo>(std::move(looked)));
}

void ArchivedReads::end() {
  std::vector<CasePtr> left;
  {
    const MutexLock lock(mutex_);
    ended_ = true;
    for (const auto& [inode, known] : cases_) left.push_back(known);
  }
  for (const CasePtr& known : left) finish(known, Error(Code::cancelled, "the mount is ending"));
}

}  // namespace penstock
