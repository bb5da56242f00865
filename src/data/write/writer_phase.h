// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "penstock/result.h"

namespace penstock {

/// What a file that is written does as a whole: it takes changes, is committed, or is given up; and
/// how far the parts of a commit are. A commit plans its parts, which are then prepared (their
/// unchanged bytes fetched) and sent; a part that was lost on the way is planned again. Not
/// thread-safe: the file's lock is held by the caller.
class WriterPhase {
 public:
  WriterPhase() = default;

  bool committing() const noexcept { return committing_; }
  bool abandoned() const noexcept { return abandoned_; }
  /// For good.
  void abandon() noexcept { abandoned_ = true; }

  void begin_commit() {
    *this = WriterPhase(abandoned_);
    committing_ = true;
  }
  void end_commit() { *this = WriterPhase(abandoned_); }

  /// What the commit fails with once nothing is under way any more.
  const std::optional<Error>& error() const noexcept { return error_; }
  /// The first error stays.
  void fail(const Error& error) {
    if (!error_) error_ = error;
  }

  bool planned() const noexcept { return planned_; }
  void plan() noexcept {
    planned_ = true;
    todo_.clear();
    open_parts_ = 0;
  }
  /// The upload is gone, and with it every part.
  void plan_again() noexcept {
    plan();
    planned_ = false;
  }

  /// A part that is to be prepared and sent.
  void add_part(uint32_t number) { todo_.push_back(number); }
  /// A part that is on its way already.
  void part_open() noexcept { ++open_parts_; }
  std::optional<uint32_t> next_part() const {
    return todo_.empty() ? std::nullopt : std::optional(todo_.front());
  }
  /// The part of next_part() is prepared from now on.
  void prepare_next() {
    todo_.pop_front();
    ++open_parts_;
  }
  void part_stored(bool copied_from_base) noexcept {
    if (!committing_) return;
    base_seen_ |= copied_from_base;
    if (planned_) --open_parts_;
  }
  /// The part did not get to the store, and is to go again; false: no commit waits for it.
  bool part_unsent(uint32_t number) {
    if (!committing_ || !planned_) return false;
    --open_parts_;
    todo_.push_back(number);
    return true;
  }
  /// Whether a part was copied from the base's version.
  bool base_seen() const noexcept { return base_seen_; }

  void fetch_begun() noexcept { ++fetches_; }
  void fetch_ended() noexcept { --fetches_; }
  uint32_t fetches() const noexcept { return fetches_; }
  bool all_stored() const noexcept { return todo_.empty() && fetches_ == 0 && open_parts_ == 0; }

 private:
  explicit WriterPhase(bool abandoned) : abandoned_(abandoned) {}

  bool abandoned_ = false;
  bool committing_ = false;
  bool planned_ = false;
  bool base_seen_ = false;
  uint32_t fetches_ = 0;     // ranges whose unchanged bytes are on their way
  uint32_t open_parts_ = 0;  // parts that are prepared or on their way
  std::deque<uint32_t> todo_;
  std::optional<Error> error_;
};

}  // namespace penstock
