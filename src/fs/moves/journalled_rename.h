// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fs/moves/intent.h"
#include "fs/moves/lease.h"
#include "fs/moves/object_moves.h"
#include "fs/moves/rename_table.h"
#include "fs/nodes/core.h"

namespace penstock {

/// A rename as moves, one after the other.
struct RenameObjects {
  std::string id;  ///< From FsCore::new_own_id; empty: one is made.
  std::vector<Move> moves;
  /// Gets every copy: of which move, and where relative to its prefix.
  std::function<void(size_t step, const std::string& relative_key, const CopiedObject& copied)>
      copied;
};

/// Renames of several objects: each step copies, then deletes what it has copied. A directory in a
/// store that renames takes one step of another kind, which renames what lies below it one by one.
/// Where there is more than one object, or step, an intent in the bucket says how far it is, so
/// that one that its mount does not end is finished, or taken back, by another. Thread-safe;
/// outlives its renames.
class JournalledRenames {
 public:
  JournalledRenames(FsCore& core, Lease& lease) : core_(core), lease_(lease), table_(core.parts) {}

  /// After an error everything is as it was; or an intent is left that `recover` will find, where
  /// the error came when the rename was already decided.
  void rename(RenameObjects request, Done<void> done);
  /// Goes on with the intent of a mount that is dead, which this one has taken over: takes the
  /// first step back if only copies were made, else does the rest.
  void finish(std::shared_ptr<HeldIntent> held, Done<void> done);

  /// Whether this mount works on it.
  bool works_on(const std::string& intent_id) const EXCLUDES(mutex_);
  /// The store's time, at the latest, when this mount left that intent behind; 0: it did not.
  int64_t left_behind_at_ns(const std::string& intent_id) const EXCLUDES(mutex_);
  /// Called when an intent was left behind.
  void on_left_behind(std::function<void()> call) { left_behind_ = std::move(call); }

 private:
  class Run;

  FsCore& core_;
  Lease& lease_;
  RenameTable table_;
  std::function<void()> left_behind_;
  mutable Mutex mutex_;
  std::set<std::string> running_ GUARDED_BY(mutex_);
  std::map<std::string, int64_t> left_at_ns_ GUARDED_BY(mutex_);  ///< By the intent's id.
};

}  // namespace penstock
