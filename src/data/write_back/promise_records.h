// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/deferred.h"
#include "data/write/file_strand.h"
#include "data/write_back/pending_object.h"
#include "data/write_back/promises.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// What the journal knows of one file: its last promise, its object and whether it is about to be
/// deleted; and for how long the journal keeps the files whose name this one was given. Called
/// under the file's lock, for the journal takes states in the order of the calls; it answers later.
class PromiseRecords {
 public:
  class Listener {
   public:
    /// The journal has a state of the file, or did not take it. Under the file's lock.
    virtual void recorded(const Result<void>& kept, Deferred& after) = 0;

   protected:
    ~Listener() = default;
  };

  /// All of these must outlive it; `number` is the file's in the journal.
  PromiseRecords(WriteBackCore& core, LockedFile& file, uint64_t number, Promises& promises,
                 const PendingObject& object, Listener& listener)
      : core_(core),
        file_(file),
        number_(number),
        promises_(promises),
        object_(object),
        listener_(listener) {}

  /// Records the last promise, which is owed.
  void record(Done<void> done);
  /// Nothing is owed any more.
  void forget(Done<void> done);
  /// Records that the object is about to be deleted.
  void doom(Done<void> done);
  /// It is not.
  void spare();
  /// The name is gone, with what was owed.
  void disclaim(Done<void> done, Deferred& after);
  /// The next try to upload will be another one.
  void note_failure(const Error& error) {
    core_.parts.journal.note_failure(number_, error.describe());
  }

  /// What an heir of this file's name has to keep in the journal until it is promised itself.
  std::vector<uint64_t> bequeath();
  void inherit(const std::vector<uint64_t>& files);
  /// Whether some of that is in the journal yet, under this file's name.
  bool outlives() const noexcept { return !outlived_.empty(); }

 private:
  void recorded(const PromisePtr& promise, const std::vector<uint64_t>& outlived,
                const Result<void>& kept);
  void forget_outlived();

  WriteBackCore& core_;
  LockedFile& file_;
  const uint64_t number_;
  Promises& promises_;
  const PendingObject& object_;
  Listener& listener_;
  bool doomed_ = false;
  /// Files whose name this one was given while they were promised, and that stay in the journal
  /// until this one is promised: else a crash would lose what was acknowledged of the name.
  std::vector<uint64_t> outlived_;
  bool inherited_ = false;  ///< Its name's new file has it forgotten.
};

}  // namespace penstock
