// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/journalled_rename.h"

#include <map>
#include <optional>
#include <utility>

#include "base/join.h"
#include "fs/moves/left_moves.h"
#include "fs/moves/object_moves.h"

namespace penstock {

using Phase = Intent::Phase;
using Objects = std::map<std::string, ObjectInfo>;

/// copy ─> note "deleting" ─> delete ─> note the next step ─> copy … ─> remove the intent
///   └─ failed, first step: delete the copies ─────────────────────────────┘
///
/// rename, or copy what cannot be ─> delete what was copied ─> remove the intent
///   └─ failed: rename back, delete the copies ────────────────────┘
class JournalledRenames::Run : public std::enable_shared_from_this<Run> {
 public:
  Run(JournalledRenames& owner, RenameObjects request, std::shared_ptr<HeldIntent> held,
      Done<void> done)
      : owner_(owner),
        core_(owner.core_),
        copied_(std::move(request.copied)),
        held_(std::move(held)),
        done_(std::move(done)) {
    if (held_ == nullptr) {
      held_ = std::make_shared<HeldIntent>();
      held_->intent.id = request.id.empty() ? core_.new_own_id() : std::move(request.id);
      held_->intent.moves = std::move(request.moves);
      const std::vector<Move>& steps = held_->intent.moves;
      // A step of several leaves its original in place, or must never let its name be missing.
      const bool whole = steps.size() == 1 && core_.parts.store.limits().renames;
      if (whole) held_->intent.phase = Phase::renaming;
    }
    held_->intent.mount = core_.parts.identity.id;
    const std::vector<Move>& moves = held_->intent.moves;
    row_ = owner_.table_.add({.from = moves.back().from, .to = moves.back().to});
    if (moves.size() == 1) return;
    // Of an exchange the first step only puts one side aside.
    owner_.table_.remove(row_);
    row_ = owner_.table_.add({.from = moves[1].from, .to = moves[1].to});
  }

  void start() {
    // Of several steps even one object each needs the intent.
    if (held_->intent.moves.size() > 1) {
      return begin_intent([self = shared_from_this()](Result<void> begun) {
        if (!begun) return self->end(std::move(begun));
        self->copy_step();
      });
    }
    copy_step();
  }

  /// With an intent that was taken over.
  void go_on() {
    journalled_ = true;
    owner_.lease_.hold([self = shared_from_this()](const Result<void>& held) {
      if (!held) return self->leave_behind(held.error());
      const Intent& intent = self->held_->intent;
      if (intent.phase == Phase::deleting) return self->delete_originals_found();
      if (intent.phase == Phase::renaming) {
        self->resumed_since_ns_ = intent.since_ns;
        self->taken_over_ = true;
        return self->copy_step();
      }
      if (intent.step > 0) {
        self->resumed_since_ns_ = intent.step_since_ns;
        return self->copy_step();
      }
      self->progress(RenameState::Phase::undoing)(0, 0);
      remove_left_copies(self->core_, intent.moves[0], intent.since_ns, intent.until_ns,
                         [self](const Result<void>& undone) {
                           if (!undone) return self->leave_behind(undone.error());
                           self->end({});
                         });
    });
  }

 private:
  const Move& move() const { return held_->intent.moves[held_->intent.step]; }
  bool renaming() const { return held_->intent.phase == Phase::renaming; }

  MoveProgress progress(RenameState::Phase phase) {
    return [self = shared_from_this(), phase](uint64_t done, uint64_t known) {
      self->owner_.table_.update(self->row_, phase, done, known);
    };
  }

  void begin_intent(Done<void> done) {
    journalled_ = true;
    {
      const MutexLock lock(owner_.mutex_);
      owner_.running_.insert(held_->intent.id);
    }
    // Both at once: an intent without a lease is as alive as it is young.
    auto both = std::make_shared<Join>(2, std::move(done));
    owner_.lease_.hold(both->part());
    write_intent(core_, held_, both->part());
  }

  void copy_step() {
    const std::optional<int64_t> since = std::exchange(resumed_since_ns_, std::nullopt);
    if (!since && left_.empty()) return copy_objects({}, {});
    // This rename is another mount's, which began the step and died. It was silent for long, and
    // programs may have written under the new names since then: objects newer than the step stay.
    list_objects(core_, move().from, [self = shared_from_this(), since](Result<Objects> found) {
      if (!found) return self->leave_behind(found.error());
      list_objects(self->core_, self->move().to,
                   [self, since, originals = std::move(*found)](const Result<Objects>& targets) {
                     if (!targets) return self->leave_behind(targets.error());
                     if (self->renaming())
                       return self->rename_the_rest(*since, originals, *targets);
                     self->copy_the_rest(since, originals, *targets);
                   });
    });
  }

  void copy_the_rest(std::optional<int64_t> since, const Objects& originals,
                     const Objects& targets) {
    const auto is_newer = [since](const ObjectInfo& object) {
      return since && object.last_modified_ns > *since + store_time_tolerance_ns;
    };
    std::set<std::string> copied_before;
    std::set<std::string> left_alone;
    for (const auto& [name, target] : targets) {
      const auto original = originals.find(name);
      if (original == originals.end()) continue;
      if (!is_newer(target) && !left_.contains(move().to + name)) continue;
      if (is_newer(original->second)) {
        // Both names have got something new: neither this step nor the next overwrites it.
        left_alone.insert(name);
        left_.insert(move().from + name);
      } else {
        copied_before.insert(name);
      }
    }
    copy_objects(std::move(copied_before), std::move(left_alone));
  }

  /// What has come since under either name stays there. Its time does not always tell: what was
  /// renamed in this store has kept it. So a target is either what the rename has made, byte for
  /// byte, or somebody else's.
  void rename_the_rest(int64_t since, const Objects& originals, const Objects& targets) {
    const auto is_newer = [since](const ObjectInfo& object) {
      return object.last_modified_ns > since + store_time_tolerance_ns;
    };
    std::set<std::string> copied_before;
    std::set<std::string> left_alone;
    for (const auto& [name, original] : originals) {
      if (is_newer(original)) {
        left_alone.insert(name);
        continue;
      }
      const auto found = targets.find(name);
      if (found == targets.end()) continue;
      const ObjectInfo& target = found->second;
      const bool marker = is_marker(name) && original.size == 0;
      // Under the new name may still be the marker of the directory that is renamed over. Unless it
      // is newer than the step, it does not show that the copy was made.
      if (marker && name.empty() && move().over_marker && !is_newer(target)) continue;
      const bool made = marker || (original.etag == target.etag && original.size == target.size);
      (made ? copied_before : left_alone).insert(name);
    }
    if (!left_alone.empty()) {
      core_.parts.log->warning(
          "a rename of '{}' to '{}' was not ended by its mount; {} names stay where they are, for "
          "they were changed since",
          move().from, move().to, left_alone.size());
    }
    copy_objects(std::move(copied_before), std::move(left_alone));
  }

  void copy_objects(std::set<std::string> copied_before, std::set<std::string> left_alone) {
    CopyAll request{.move = move(), .progress = progress(RenameState::Phase::copying)};
    request.renames = renaming();
    request.replaces = !taken_over_ || !renaming();
    request.copied_before = std::move(copied_before);
    request.left_alone = std::move(left_alone);
    if (copied_ != nullptr) {
      request.copied = [self = shared_from_this()](const std::string& key,
                                                   const CopiedObject& copied) {
        self->copied_(self->held_->intent.step, key, copied);
      };
    }
    if (!journalled_) {
      request.several = [self = shared_from_this()](Done<void> done) {
        self->begin_intent(std::move(done));
      };
    }
    copy_all(core_, std::move(request), [self = shared_from_this()](CopiedObjects copies) {
      self->step_copied(std::move(copies));
    });
  }

  void step_copied(CopiedObjects copies) {
    keys_ = std::move(copies.relative_keys);
    // Others have removed an object below: the directory is there all the same.
    if (copies.error) copies.error = look_up_again(*copies.error);
    if (copies.error) {
      if (held_->intent.step > 0 || taken_over_) return leave_behind(*copies.error);
      std::vector<std::string> back = std::move(copies.renamed);
      back.insert(back.end(), copies.in_doubt.begin(), copies.in_doubt.end());
      if (!back.empty()) return rename_back(std::move(back), *copies.error);
      return undo(*copies.error);
    }
    const bool whole = !journalled_ && held_->intent.moves.size() == 1;
    const bool nothing = whole && keys_.empty() && copies.renamed.empty();
    if (nothing) return end(Error(Code::not_found, "nothing is there any more to be renamed"));
    if (renaming()) return delete_originals();
    if (move().keeps_source) return next_step();
    if (!journalled_) return delete_originals();
    held_->intent.phase = Phase::deleting;
    write_intent(core_, held_, [self = shared_from_this()](const Result<void>& written) {
      if (written) return self->delete_originals();
      if (self->held_->intent.step > 0) return self->leave_behind(written.error());
      self->undo(written.error());
    });
  }

  std::function<void(Done<void>)> while_it_is_mine() {
    return [self = shared_from_this()](Done<void> done) {
      // If this mount could not renew its lease, another may have taken it for dead, and the rename
      // over: writing the intent on condition of its version tells.
      if (self->owner_.lease_.valid()) return done({});
      write_intent(self->core_, self->held_, std::move(done));
    };
  }

  void delete_originals() {
    RemoveAll request{.prefix = move().from,
                      .relative_keys = std::move(keys_),
                      .progress = progress(RenameState::Phase::deleting)};
    if (journalled_) request.may_go_on = while_it_is_mine();
    remove_all(core_, std::move(request), [self = shared_from_this()](Result<void> removed) {
      self->originals_deleted(std::move(removed));
    });
  }

  void delete_originals_found() {
    progress(RenameState::Phase::deleting)(0, 0);
    remove_left_originals(core_, move(), held_->intent.since_ns,
                          [self = shared_from_this()](Result<void> removed) {
                            self->originals_deleted(std::move(removed));
                          });
  }

  void originals_deleted(Result<void> removed) {
    if (!removed) {
      core_.parts.log->error("renaming '{}' to '{}': some originals could not be deleted: {}",
                             move().from, move().to, removed.error().describe());
      // Both trees are there: nothing is lost, but it is no rename.
      return journalled_ ? leave_behind(removed.error()) : end(std::move(removed));
    }
    next_step();
  }

  void next_step() {
    Intent& intent = held_->intent;
    if (intent.step + 1 == intent.moves.size()) return end({});
    ++intent.step;
    intent.phase = Phase::copying;
    intent.step_since_ns = 0;
    write_intent(core_, held_, [self = shared_from_this()](const Result<void>& written) {
      if (!written) return self->leave_behind(written.error());
      self->copy_step();
    });
  }

  void rename_back(std::vector<std::string> renamed, const Error& error) {
    const auto take_back = [self = shared_from_this(), renamed = std::move(renamed), error] {
      CopyAll request{.move = {.from = self->move().to, .to = self->move().from},
                      .progress = self->progress(RenameState::Phase::undoing),
                      .renames = true,
                      .replaces = false,
                      .only = std::set<std::string>(renamed.begin(), renamed.end())};
      copy_all(self->core_, std::move(request), [self, error](const CopiedObjects& back) {
        if (back.error) return self->not_back(error);
        // What could only be copied back is deleted with the copies.
        self->keys_.insert(self->keys_.end(), back.relative_keys.begin(), back.relative_keys.end());
        self->undo(error);
      });
    };
    if (!journalled_) return take_back();
    if_it_is_mine(error, take_back);
  }

  /// Goes on only if the intent is still this mount's. If another mount has taken the rename over,
  /// that one ends it, and this one leaves it alone.
  void if_it_is_mine(const Error& error, Callback<void()> go_on) {
    write_intent(
        core_, held_,
        [self = shared_from_this(), error, go_on = std::move(go_on)](
            const Result<void>& mine) mutable { mine ? go_on() : self->leave_behind(error); });
  }

  void not_back(const Error& error) {
    if (journalled_) return leave_behind(error);
    core_.parts.log->error("renaming '{}' to '{}': what was renamed may be under either name: {}",
                           move().from, move().to, error.describe());
    end(error);
  }

  void undo(const Error& error) {
    // Of copies the originals are there until the intent says otherwise.
    // Without its ETag it was never surely written, and nothing was done for it.
    if (!journalled_ || !renaming() || held_->etag.empty()) return remove_copies(error);
    // From here on the originals may be deleted, so that the copies are all that is left: they go
    // only if no other mount has taken the rename over.
    if_it_is_mine(error, [self = shared_from_this(), error] { self->remove_copies(error); });
  }

  void remove_copies(Error error) {
    // Copied over, it is still the directory that was there before.
    if (move().over_marker) std::erase(keys_, std::string());
    RemoveAll request{.prefix = move().to,
                      .relative_keys = std::move(keys_),
                      .progress = progress(RenameState::Phase::undoing)};
    if (journalled_ && renaming()) request.may_go_on = while_it_is_mine();
    remove_all(core_, std::move(request),
               [self = shared_from_this(), error = std::move(error)](const Result<void>& removed) {
                 if (removed) return self->end(error);
                 self->core_.parts.log->error(
                     "renaming '{}' to '{}': some copies could not be deleted: {}",
                     self->move().from, self->move().to, removed.error().describe());
                 self->journalled_ ? self->leave_behind(error) : self->end(error);
               });
  }

  void end(Result<void> result) {
    if (!journalled_) return answer(std::move(result));
    note_left_behind();
    // The rename has happened, or has not; an intent that stays is found to be done with.
    owner_.lease_.release(
        core_.own.intent(held_->intent.id),
        [self = shared_from_this(), result = std::move(result)](const Result<void>& removed) {
          if (removed) self->forget_left_behind();
          if (!removed && self->owner_.left_behind_) self->owner_.left_behind_();
          self->answer(result);
        });
  }

  /// The rename can neither be ended nor taken back now: its intent stays, and a later try, by this
  /// mount or another, goes on from there.
  void leave_behind(const Error& error) {
    core_.parts.log->error(
        "renaming '{}' to '{}' stopped halfway: {}. Nothing is lost; it is gone on with later.",
        held_->intent.moves.front().from, held_->intent.moves.back().to, error.describe());
    note_left_behind();
    owner_.lease_.release("", [self = shared_from_this(), error](const Result<void>&) {
      self->answer(error);
      if (self->owner_.left_behind_) self->owner_.left_behind_();
    });
  }

  /// From now on nothing is copied for it.
  void note_left_behind() {
    const Intent& intent = held_->intent;
    // Of one that was taken over, its first mount's end is what counts.
    const int64_t at =
        intent.until_ns != 0 ? intent.until_ns : owner_.lease_.latest_store_time_ns();
    const MutexLock lock(owner_.mutex_);
    owner_.left_at_ns_[intent.id] = at;
  }

  void forget_left_behind() {
    const MutexLock lock(owner_.mutex_);
    owner_.left_at_ns_.erase(held_->intent.id);
  }

  void answer(Result<void> result) {
    {
      const MutexLock lock(owner_.mutex_);
      owner_.running_.erase(held_->intent.id);
    }
    owner_.table_.remove(row_);
    done_(std::move(result));
  }

  JournalledRenames& owner_;
  FsCore& core_;
  const std::function<void(size_t, const std::string&, const CopiedObject&)> copied_;
  std::shared_ptr<HeldIntent> held_;
  Done<void> done_;
  uint64_t row_ = 0;
  bool journalled_ = false;  ///< The intent is in the bucket, or may be.
  bool taken_over_ = false;  ///< Another mount has begun to rename.
  std::vector<std::string> keys_;
  std::optional<int64_t> resumed_since_ns_;  ///< When the step began that is gone on with.
  std::set<std::string> left_;               ///< Keys that no later step may overwrite.
};

void JournalledRenames::rename(RenameObjects request, Done<void> done) {
  std::make_shared<Run>(*this, std::move(request), nullptr, std::move(done))->start();
}

void JournalledRenames::finish(std::shared_ptr<HeldIntent> held, Done<void> done) {
  {
    const MutexLock lock(mutex_);
    running_.insert(held->intent.id);
  }
  std::make_shared<Run>(*this, RenameObjects(), std::move(held), std::move(done))->go_on();
}

int64_t JournalledRenames::left_behind_at_ns(const std::string& intent_id) const {
  const MutexLock lock(mutex_);
  const auto left = left_at_ns_.find(intent_id);
  return left == left_at_ns_.end() ? 0 : left->second;
}

bool JournalledRenames::works_on(const std::string& intent_id) const {
  const MutexLock lock(mutex_);
  return running_.contains(intent_id);
}

}  // namespace penstock
