// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "data/write/write_engine.h"
#include "journal/journal_state.h"

namespace penstock {

/// The object that a pending file becomes: its key, what the bucket has under it as far as the file
/// knows, and what the condition of the next write rests on. Not thread-safe: the file's lock is
/// held by the caller.
class PendingObject {
 public:
  /// Of a new file, or of one that edits `base`.
  PendingObject(std::string key, std::optional<WriteBase> base);
  /// As a dead mount left it.
  explicit PendingObject(JournalState state);

  const std::string& key() const noexcept { return key_; }
  /// For a file that has nothing under the key it had.
  void rename(const std::string& key) { key_ = key; }
  /// What the bucket has; absent: nothing that is this file's, or that it edits.
  const std::optional<ObjectInfo>& base() const noexcept { return base_; }
  /// The version whose place the first object takes; empty: none. Journals keep it.
  const ETag& replaces() const noexcept { return condition_.replaces(); }
  /// The base has another name.
  void base_moved(const std::string& key, const ETag& etag);
  /// With the mark by which the file's objects are known.
  Metadata marked(Metadata metadata) const;

  /// What was known at the promise: it holds for the first object that this file makes.
  void expect(const Predecessor& before) { condition_.expect(before); }
  /// What the next write rests on; `beside`: it goes to a key of its own.
  Precondition condition(bool beside) const;
  /// The file's object is this now; `beside`: under a key of its own, which becomes the file's.
  void stored(ObjectInfo object, bool beside);
  /// The bucket has this object of the file, or none any more.
  void found(std::optional<ObjectInfo> object);
  /// By what the file's objects are known. A file that takes the name of another has that one's
  /// mark from then on: what the other has stored is no conflict.
  const std::string& mark() const noexcept { return mark_; }
  void inherit(std::string mark) { mark_ = std::move(mark); }

 private:
  std::string key_;
  std::string mark_;
  std::optional<ObjectInfo> base_;
  WriteCondition condition_{WriteCondition::Way::promised};
};

}  // namespace penstock
