// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace penstock {

/// How often something has happened, or how much of it; it only grows. Thread-safe, costs one
/// relaxed addition, and orders nothing: two counts that are read together may be of different
/// moments.
class Count {
 public:
  void add(uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// How long things took: how many took at most each of `bounds`, and all together. Thread-safe as
/// Count is, of which one observation changes two.
class LatencyHistogram {
 public:
  using Time = std::chrono::nanoseconds;

  /// The upper bounds of the buckets, in nanoseconds; what took longer is counted behind the last.
  static constexpr std::array<int64_t, 20> bounds{
      10'000,        20'000,        50'000,        100'000,        200'000,
      500'000,       1'000'000,     2'000'000,     5'000'000,      10'000'000,
      20'000'000,    50'000'000,    100'000'000,   200'000'000,    500'000'000,
      1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000, 20'000'000'000};

  struct Reading {
    std::array<uint64_t, bounds.size() + 1> counts{};  ///< Of each bucket alone.
    Time sum{0};

    uint64_t total() const noexcept {
      uint64_t all = 0;
      for (const uint64_t count : counts) all += count;
      return all;
    }
  };

  void observe(Time took) noexcept {
    const auto bucket = std::ranges::lower_bound(bounds, took.count()) - bounds.begin();
    counts_[static_cast<size_t>(bucket)].add();
    sum_.add(static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
  }

  Reading read() const noexcept {
    Reading reading;
    for (size_t i = 0; i < counts_.size(); ++i) reading.counts[i] = counts_[i].value();
    reading.sum = Time(static_cast<int64_t>(sum_.value()));
    return reading;
  }

 private:
  std::array<Count, bounds.size() + 1> counts_;
  Count sum_;  ///< Nanoseconds.
};

}  // namespace penstock
