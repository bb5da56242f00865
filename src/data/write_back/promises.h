// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "data/write_back/pending_contents.h"
#include "data/write_back/promise.h"

namespace penstock {

/// Which promises of one file are owed: made, and not in the bucket. The last one counts, for it
/// has the others' contents too; but only one that the journal has durably may go to the bucket,
/// since the journal must never know less than that has. Not thread-safe: the file's lock is held
/// by the caller.
class Promises {
 public:
  Promises() = default;
  /// What a dead mount had promised at `since_ns` (since the epoch): it is durable.
  Promises(ContentMap contents, Metadata metadata, int64_t since_ns);

  /// The last one that was made, if it is owed.
  const PromisePtr& last() const noexcept { return last_; }
  /// The last one that the journal has, if it is owed.
  const PromisePtr& durable() const noexcept { return durable_; }
  /// How many were made.
  uint64_t count() const noexcept { return count_; }
  /// When the oldest that is owed was made, since the epoch.
  int64_t since_ns() const noexcept { return since_ns_; }
  bool owes() const noexcept { return last_ != nullptr && last_->number > committed_; }
  bool durable_owes() const noexcept {
    return durable_ != nullptr && durable_->number > committed_;
  }
  /// Whether something is owed that the journal has, or is being given. Not where it did not take
  /// what was owed: that is to be promised again.
  bool pending() const noexcept { return durable_owes() || (owes() && recording_ > 0); }

  /// Promises `contents` as they are, which closes their generation.
  void promise(PendingContents& contents, Metadata metadata);
  /// Promises other metadata of the contents that are promised already; where none are, nothing was
  /// written since the last ones. It closes no generation: later writes are not in it.
  void describe(const PendingContents& contents, Metadata metadata);

  /// The last one is being given to the journal.
  const PromisePtr& recording() noexcept {
    ++recording_;
    return last_;
  }
  /// The journal has what recording returned, or did not take it.
  void recorded(const PromisePtr& promise, bool kept);
  /// `promise` is in the bucket. True: a later one is owed, and the journal has to learn that its
  /// contents are in part the object's.
  bool stored(const Promise& promise);
  /// Nothing is owed any more.
  void disclaim() noexcept { last_ = durable_ = nullptr; }

 private:
  void add(Promise promise);

  uint64_t count_ = 0;
  uint64_t committed_ = 0;  ///< The number of the last one in the bucket.
  int64_t since_ns_ = 0;
  PromisePtr last_;
  PromisePtr durable_;
  uint32_t recording_ = 0;  ///< States that are on their way to the journal.
};

}  // namespace penstock
