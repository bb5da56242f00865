// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "data/write/write_engine.h"
#include "penstock/object_store.h"

namespace penstock {

/// The parts of one file's unfinished multipart upload, by their numbers (from 1).
///
///     idle ──ready()──► ready ──take()──► sending ──stored()──► stored
///      ▲                  │                  │                    │
///      └──────────────────┴──────────── put_back(), touch() ──────┘
///
/// A part that the table does not know is idle and as in the base. Not thread-safe: the file's lock
/// is held by the caller.
class PartTable {
 public:
  enum class State : uint8_t { idle, ready, sending, stored };
  /// How a part gets to the store: its bytes are sent, or the store copies them from an object.
  enum class Way : uint8_t { bytes, copy };
  /// What the store has copied a part from; that object has the bytes, if it still is.
  struct CopiedFrom {
    CopySource source;
    uint64_t offset = 0;  ///< In the file, of the source's range.
  };

  bool known(uint32_t number) const { return parts_.contains(number); }
  State state(uint32_t number) const;
  /// Whether the part differs (or may differ) from the base.
  bool touched(uint32_t number) const;
  /// Whether it was stored once and has changed since: a commit sends it again, not the next write.
  bool sent_before(uint32_t number) const;
  /// Whether it is to be copied, or was, from the base.
  bool copies_base(uint32_t number) const;
  /// Null: it was not copied from another object.
  std::shared_ptr<const CopiedFrom> copied_from(uint32_t number) const;
  bool any(State state) const;
  bool any_ready(Way way) const { return !queue(way).empty(); }
  uint32_t count_ready(Way way) const { return static_cast<uint32_t>(queue(way).size()); }
  /// All that the table knows, in order.
  std::vector<uint32_t> numbers() const;
  /// The parts from `first` to `last` that the table knows.
  std::vector<uint32_t> numbers(uint32_t first, uint32_t last) const;

  /// The part's bytes are about to differ from what was stored of it.
  void touch(uint32_t number);
  /// Whether an idle part is copied from the base when it is sent. What was fetched for it so far
  /// does not make it ready any more.
  void plan(uint32_t number, bool from_base);
  /// The part waits for its turn to be sent.
  void ready(uint32_t number, Way way);
  /// The next one that is ready is sent from now on; absent: none.
  std::optional<uint32_t> take(Way way);
  /// What was ready or on its way is so no longer.
  void put_back(uint32_t number);
  /// All that wait for their turn are idle again.
  void put_back_ready();
  void stored(uint32_t number, CompletedPart completed);
  /// An earlier process has stored it.
  void found(CompletedPart completed);
  /// The store has copied it from another object than the base.
  void copied(uint32_t number, std::shared_ptr<const CopiedFrom> from);
  /// The upload that has them is no longer the file's: all are to be sent again. Returns those that
  /// were stored.
  std::vector<uint32_t> forget_sent();
  /// Forgets the parts above `last`: the file is shorter now.
  void cut(uint32_t last);
  void clear();

  /// One more request is under way for unchanged bytes of an idle part, which is to be ready when
  /// all have ended.
  void fetching(uint32_t number);
  /// One of them has ended. True: it was the last, and the part was not planned anew meanwhile.
  bool fetched(uint32_t number);

  /// What Complete names: the parts from 1 to `count`, which are stored.
  std::vector<CompletedPart> completed(uint32_t count) const;

 private:
  struct Part {
    State state = State::idle;
    bool touched = false;
    bool sent_before = false;
    bool copies_base = false;
    uint32_t fetches = 0;
    bool ready_when_fetched = false;
    CompletedPart completed;
    std::shared_ptr<const CopiedFrom> copied;
  };
  using Queue = std::deque<uint32_t>;

  const Part* find(uint32_t number) const;
  const Queue& queue(Way way) const { return way == Way::bytes ? ready_ : ready_copies_; }
  Queue& queue(Way way) { return way == Way::bytes ? ready_ : ready_copies_; }

  std::map<uint32_t, Part> parts_;
  Queue ready_;
  Queue ready_copies_;
};

}  // namespace penstock
