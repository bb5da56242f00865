// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "penstock/object_store.h"

namespace penstock {

/// What the file system knows of the object whose place a file's first version takes.
struct Predecessor {
  ETag version;  ///< What has the file's name, as far as the mount knows; empty: nothing has.
  /// Another client has removed the file's object: it is stored again only where its name is free.
  bool removed = false;
};

/// The one place that decides on which condition the store takes the next version of a file, so
/// that no other client's object is replaced that the file does not know:
///
///     the file's writer has made a version      that version is still there
///     exclusive, or its object was removed      nothing is there (*)
///     an edit of an object                      that object is still there
///     new, stored before close is answered      none: the last close wins
///     new, stored some time after a promise     what had the name at the promise is still there
///
/// (*) An edit that was promised keeps the condition of its base: that tells whether the bytes it
/// lacks are gone, and the refusal is looked into (ConflictCheck).
/// Not thread-safe: the file's lock is held by the caller.
class WriteCondition {
 public:
  enum class Way : uint8_t { at_close, promised };

  /// `exclusive`: as NewName::exclusive.
  explicit WriteCondition(Way way, bool exclusive = false) noexcept
      : way_(way), exclusive_(exclusive) {}

  /// What is known now; holds for the first version alone.
  void expect(const Predecessor& before);
  /// The file has another name.
  void renamed(bool exclusive) noexcept { exclusive_ = exclusive; }
  /// The file's writer has made a version.
  void stored() noexcept { stored_ = true; }
  /// The store has nothing under the file's name any more, and nothing of it is needed.
  void gone();

  /// Whether `stored` was called.
  bool has_stored() const noexcept { return stored_; }
  /// What the first version takes the place of; empty: nothing.
  const ETag& replaces() const noexcept { return before_.version; }
  /// `base`: the version that the file is an edit of and that has its name; null: there is none.
  Precondition next(const ETag* base) const;
  /// Of an object beside the one that has the file's name, under a key of its own.
  static Precondition beside() { return {.if_match = {}, .if_none_match = true}; }

 private:
  const Way way_;
  bool exclusive_;
  bool stored_ = false;
  Predecessor before_;
};

}  // namespace penstock
