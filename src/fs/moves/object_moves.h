// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fs/moves/intent.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Whether a key relative to a directory's is that of its own marker, or of one below.
bool is_marker(const std::string& relative_key);

/// How many objects of a move are done, and how many are known of so far.
using MoveProgress = std::function<void(uint64_t done, uint64_t known)>;

/// One object of a move.
struct CopiedObject {
  ETag source;      ///< The version that was copied.
  ObjectInfo copy;  ///< What the store told of the copy.
};

/// The first half of a move: every object is copied, or renamed, many at a time. The caller has
/// committed what is dirty.
struct CopyAll {
  Move move;
  /// Gets each copy, by the key relative to the prefix.
  std::function<void(const std::string& relative_key, const CopiedObject& copied)> copied;
  /// Called when it shows that there is more than one object; the first copy begins when it has
  /// answered. Null: nothing to wait for.
  std::function<void(Done<void>)> several;
  MoveProgress progress;
  bool renames = false;  ///< Objects are renamed where the store can; what it cannot is copied.
  /// Objects under the targets' keys are replaced. Where this is false, the move fails if one of
  /// them is there, directories' markers apart.
  bool replaces = true;
  /// Only these relative keys; all where it is absent.
  std::optional<std::set<std::string>> only;
  std::set<std::string> copied_before;  ///< Relative keys that count as copied.
  std::set<std::string> left_alone;     ///< Relative keys that are as if they were not there.
};

/// What was copied, relative to the prefix, and why not all of it was.
struct CopiedObjects {
  std::optional<Error> error;
  std::vector<std::string> relative_keys;
  std::vector<std::string> renamed;   ///< Instead: these have no original any more.
  std::vector<std::string> in_doubt;  ///< Renamed or not: the store did not say.
};

void copy_all(FsCore& core, CopyAll request, Callback<void(CopiedObjects)> done);

/// The second half, or its undoing: deletes objects in batches.
struct RemoveAll {
  std::string prefix;
  std::vector<std::string> relative_keys;
  /// Asked before each batch.
  std::function<void(Done<void>)> may_go_on;
  MoveProgress progress;
};

/// Goes on after a batch that failed; fails with the last such error.
void remove_all(FsCore& core, RemoveAll request, Done<void> done);

}  // namespace penstock
