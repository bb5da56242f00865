// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>

#include "data/write/change.h"
#include "penstock/result.h"

namespace penstock {

/// Changes of one file that wait, in the order in which they were asked for, with copies of their
/// data. Not thread-safe: the file's lock is held by the caller.
class ChangeQueue {
 public:
  bool empty() const noexcept { return waiting_.empty(); }
  size_t size() const noexcept { return waiting_.size(); }
  const Change& front() const { return waiting_.front().change; }
  /// Copies the data, unless the change brings its block.
  void push(Change change, Done<uint64_t> done) {
    std::unique_ptr<std::byte[]> data;
    if (change.block == nullptr && !change.data.empty()) {
      data = std::make_unique_for_overwrite<std::byte[]>(change.data.size());
      std::memcpy(data.get(), change.data.data(), change.data.size());
      change.data = {data.get(), change.data.size()};
    }
    waiting_.push_back({std::move(change), std::move(data), std::move(done)});
  }
  /// Takes the first one out; returns who waits for it.
  Done<uint64_t> pop() {
    Done<uint64_t> done = std::move(waiting_.front().done);
    waiting_.pop_front();
    return done;
  }
  /// Whether the first one is about bytes of `range` in a file of `size`.
  bool awaits(ByteRange range, uint64_t size) const noexcept {
    if (waiting_.empty()) return false;
    const ByteRange next = waiting_.front().change.reach(size);
    return next.offset < range.end() && range.offset < next.end();
  }

 private:
  struct Waiting {
    Change change;
    std::unique_ptr<std::byte[]> data;
    Done<uint64_t> done;
  };
  std::deque<Waiting> waiting_;
};

}  // namespace penstock
