// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "penstock/result.h"

namespace penstock {

/// Makes asynchronous calls and waits for each: until its answer is there, the time for all of them
/// is over, or somebody interrupts. What is given up may still be answered later. For one thread.
class ProbeCalls {
 public:
  using Clock = std::chrono::steady_clock;

  ProbeCalls(std::chrono::milliseconds limit, std::stop_token stop)
      : end_(Clock::now() + limit), stop_(std::move(stop)) {}

  /// Code::timed_out or Code::interrupted where the answer was not waited for, or the call not even
  /// made: nothing else gives this interrupted.
  template <typename T, typename Call>
  Result<T> wait(Call call) {
    if (std::optional<Error> over = why_over()) return *over;
    const auto answer = std::make_shared<Answer<T>>(calls_);
    calls_->begun();
    call(Done<T>([answer](Result<T> result) { answer->give(std::move(result)); }));
    const std::stop_callback wake(stop_, [this] { calls_->wake(); });
    calls_->wait_until(end_, [&] { return answer->given() || stop_.stop_requested(); });
    if (std::optional<Result<T>> given = answer->take()) return *std::move(given);
    return *why_over();
  }

  bool interrupted() const { return stop_.stop_requested(); }
  /// Whether any further call would be refused.
  bool over() const { return interrupted() || Clock::now() >= end_; }
  const std::stop_token& stop() const { return stop_; }
  std::chrono::milliseconds left() const;

  /// Waits until the calls that were given up are answered, too, for `limit` at most. False: some
  /// are not.
  bool settle(std::chrono::milliseconds limit);

 private:
  /// What calls share that may outlive this object.
  class Calls {
   public:
    void begun() EXCLUDES(mutex_);
    void ended() EXCLUDES(mutex_);
    void wake() EXCLUDES(mutex_);
    bool idle() EXCLUDES(mutex_);
    /// Until then, or until `done`, which is looked at without the lock whenever something ends.
    template <typename Done>
    void wait_until(Clock::time_point end, Done done) EXCLUDES(mutex_) {
      for (uint64_t seen = changes(); !done() && Clock::now() < end; seen = await(seen, end)) {
      }
    }

   private:
    uint64_t changes() EXCLUDES(mutex_);
    uint64_t await(uint64_t seen, Clock::time_point end) EXCLUDES(mutex_);

    Mutex mutex_;
    CondVar changed_;
    uint64_t changes_ GUARDED_BY(mutex_) = 0;
    uint64_t under_way_ GUARDED_BY(mutex_) = 0;
  };

  template <typename T>
  class Answer {
   public:
    explicit Answer(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}
    void give(Result<T> result) EXCLUDES(mutex_) {
      {
        const MutexLock lock(mutex_);
        result_.emplace(std::move(result));
      }
      calls_->ended();
    }
    bool given() EXCLUDES(mutex_) {
      const MutexLock lock(mutex_);
      return result_.has_value();
    }
    std::optional<Result<T>> take() EXCLUDES(mutex_) {
      const MutexLock lock(mutex_);
      return std::exchange(result_, std::nullopt);
    }

   private:
    const std::shared_ptr<Calls> calls_;
    Mutex mutex_;
    std::optional<Result<T>> result_ GUARDED_BY(mutex_);
  };

  /// Why no call may be made any more; nothing where one may.
  std::optional<Error> why_over() const;

  const Clock::time_point end_;
  const std::stop_token stop_;
  const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

}  // namespace penstock
