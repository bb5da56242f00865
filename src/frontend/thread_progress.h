// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock {

/// Whether threads get on with what they are given. begin() and done() are called by each of them
/// around each piece of work, moves() by one other thread.
class ThreadProgress {
 public:
  explicit ThreadProgress(uint32_t threads) : threads_(threads) {}

  void begin() { ++begun_; }
  void done() { ++done_; }

  /// False where all threads have been at the same pieces of work since the last call.
  bool moves() {
    // In this order: what ends in between counts as done, never as hanging.
    const int64_t begun = begun_;
    const int64_t done = done_;
    const bool stuck = begun - done >= threads_ && done == done_before_;
    done_before_ = done;
    return !stuck;
  }

 private:
  const int64_t threads_;
  std::atomic<int64_t> begun_ = 0;
  std::atomic<int64_t> done_ = 0;
  int64_t done_before_ = -1;
};

}  // namespace penstock
