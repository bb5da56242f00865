// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "penstock/object_store.h"

namespace penstock {

/// Who waits for the promises of one file to be in the bucket. What an upload has brought there is
/// answered only when the journal knows of it; who comes meanwhile is answered after those before.
/// Not thread-safe: the file's lock is held by the caller.
class CommitWaiters {
 public:
  bool empty() const noexcept { return waiting_.empty(); }
  /// Waits for the promise of that number, or a later one.
  void add(uint64_t promise, Done<ObjectInfo> done) {
    waiting_.push_back({promise, std::move(done)});
  }
  /// Takes those out who wait for promises up to that number.
  std::vector<Done<ObjectInfo>> take(uint64_t promise);
  /// Refuses them: no run will bring their promise to the bucket any more.
  void fail(uint64_t promise, const Error& error, Deferred& after);

  /// An upload has ended, and is answered when the journal knows of it. Until then the file counts
  /// as pending: nobody knows the version of its object.
  void begin_answer() noexcept { ++answering_; }
  bool answering() const noexcept { return answering_ > 0; }
  /// Waits for the answers that have begun.
  void add_late(Done<ObjectInfo> done) { late_.push_back(std::move(done)); }
  /// One of them was given. Takes those out who are to be answered next.
  std::vector<Done<ObjectInfo>> end_answer();

 private:
  struct Waiter {
    uint64_t promise;  ///< Its number.
    Done<ObjectInfo> done;
  };

  std::vector<Waiter> waiting_;
  uint32_t answering_ = 0;
  std::vector<Done<ObjectInfo>> late_;
};

}  // namespace penstock
