// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/log_limit.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/retry_policy.h"
#include "store/store_metrics.h"
#include "store/throttle.h"
#include "store/upload_marks.h"

namespace penstock {

class RetryCall;

/// What a call does, for messages.
struct CallSubject {
  StoreRequest operation = {};
  std::string key;    ///< Or a prefix.
  uint64_t body = 0;  ///< Bytes that are sent.

  /// How long it may take before that is worth a message: the body also takes its time.
  std::chrono::nanoseconds quiet_for() const {
    return std::chrono::seconds(5 + body / (1ULL << 20));
  }
};

/// What the calls of one RetryingStore share. Outlives them; thread-safe.
class RetryShared : public std::enable_shared_from_this<RetryShared> {
 public:
  RetryShared(ObjectStore& store, Scheduler& with, RetryPolicy retry_policy, uint64_t seed,
              std::shared_ptr<Log> to, std::shared_ptr<StoreMetrics> count_in);

  ObjectStore& inner;
  const std::string place;  ///< Its identity: while it ends it is not to be asked.
  Scheduler& scheduler;
  const RetryPolicy policy;
  const std::shared_ptr<Log> log;
  const std::shared_ptr<Throttle> throttle;
  const std::shared_ptr<StoreMetrics> metrics;

  /// Full jitter: anything from nothing to the longest wait that follows the `failures`-th failure
  /// in a row.
  std::chrono::nanoseconds backoff(uint32_t failures) EXCLUDES(mutex_);

  /// What the objects of unfinished uploads are known by, see VerifiedComplete.
  UploadMarks upload_marks;

  /// False once stop_and_wait has begun: the call must not start.
  bool enter(const std::shared_ptr<RetryCall>& call) EXCLUDES(mutex_);
  void leave(RetryCall* call) EXCLUDES(mutex_);
  bool stopping() const noexcept { return stopping_; }
  /// Every second while there are calls: those that wait for long say so, once each.
  void look_for_slow_calls() EXCLUDES(mutex_);
  /// Ends the calls that wait for another try (Code::cancelled), and returns when those at work
  /// have ended.
  void stop_and_wait() EXCLUDES(mutex_);

 private:
  void look_soon();

  std::atomic<bool> stopping_{false};
  LogLimit slow_limit_;
  Mutex mutex_;
  CondVar idle_;
  bool looking_ GUARDED_BY(mutex_) = false;
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  std::unordered_set<std::shared_ptr<RetryCall>> calls_ GUARDED_BY(mutex_);
};

/// One operation until it is done: tries it, waits, and tries again.
///
///   idle --start--> admission --granted--> trying --failed, worth another try--> backoff --time-->
///   admission
///       any of them --answer, no more tries, cancelled, stopping--> finished (the Done was called
///       once)
///
/// Waiting calls end at once when they are cancelled; a try at work ends itself (its store sees the
/// same token).
class RetryCall : public std::enable_shared_from_this<RetryCall> {
 public:
  /// `patience` is the time between the first try and the last.
  RetryCall(std::shared_ptr<RetryShared> shared, CallSubject subject,
            std::chrono::milliseconds patience, const std::stop_token& cancel);
  virtual ~RetryCall() = default;
  RetryCall(const RetryCall&) = delete;
  RetryCall& operator=(const RetryCall&) = delete;

  void start();
  /// Ends the call if it waits; a try at work is the last one then.
  void stop() EXCLUDES(mutex_);
  /// Also ends the try at work, `limit` from now: for calls whose tries may hang for longer.
  void end_tries_after(std::chrono::milliseconds limit);
  /// Once, when it has waited for long: what for.
  std::optional<std::string> describe_if_slow() EXCLUDES(mutex_);

 protected:
  /// Sends the request once; ends in failed, or in finish and the call of the Done.
  virtual void try_once() = 0;
  /// Calls the Done with the error.
  virtual void deliver(Error error) = 0;

  /// The try at work failed. Tries again later if that can help, else delivers.
  void failed(const Error& error) EXCLUDES(mutex_);
  /// Delivers the error without another try, whatever its code.
  void give_up(Error error) EXCLUDES(mutex_);
  /// True for who ends the call: then calls the Done, and left() after it.
  bool finish(Throttle::Outcome outcome) EXCLUDES(mutex_);
  void left();
  /// The time starts anew: something was received.
  void progressed() EXCLUDES(mutex_);

  const std::shared_ptr<RetryShared> shared_;
  /// What a try is given to be cancelled by.
  std::stop_token try_token() const { return stop_.get_token(); }
  /// How many tries failed before the one at work, in a way that leaves open whether the store did
  /// it.
  uint32_t doubtful_tries() const noexcept { return doubtful_tries_; }

 private:
  enum class Phase : uint8_t { idle, admission, trying, backoff, finished };

  void request_admission() EXCLUDES(mutex_);
  void granted(Throttle::Ticket ticket) EXCLUDES(mutex_);
  void end_waiting(Error error) EXCLUDES(mutex_);
  /// How long to wait before another try; nothing if there should be none.
  std::optional<std::chrono::nanoseconds> next_delay(const Error& error) EXCLUDES(mutex_);
  Error with_history(const Error& error) EXCLUDES(mutex_);
  bool cancelled() const noexcept { return stop_.stop_requested(); }

  const CallSubject subject_;
  const std::chrono::milliseconds patience_;
  std::stop_source stop_;
  std::stop_token cancel_;
  struct OnCancel {
    RetryCall* call;
    void operator()() const;
  };
  std::atomic<bool> expired_{false};  ///< By end_tries_after.
  std::atomic<uint32_t> doubtful_tries_{0};

  Mutex mutex_;
  Phase phase_ GUARDED_BY(mutex_) = Phase::idle;
  Throttle::Ticket ticket_ GUARDED_BY(mutex_);
  uint32_t tries_ GUARDED_BY(mutex_) = 0;
  uint32_t failures_ GUARDED_BY(mutex_) = 0;  ///< Since the start or the last progress.
  uint32_t corrupt_ GUARDED_BY(mutex_) = 0;
  Scheduler::Time first_ GUARDED_BY(mutex_);
  Scheduler::Time since_ GUARDED_BY(mutex_);  ///< Patience counts from here.
  std::optional<Error> last_error_ GUARDED_BY(mutex_);
  bool said_slow_ GUARDED_BY(mutex_) = false;
  // Last: its destructor waits for a callback that runs, which uses the rest.
  std::optional<std::stop_callback<OnCancel>> on_cancel_;
};

/// An operation that needs nothing but to be repeated: `send` starts one try.
template <typename T>
class SimpleCall : public RetryCall {
 public:
  using Send = std::function<void(ObjectStore&, std::stop_token, Done<T>)>;

  SimpleCall(std::shared_ptr<RetryShared> shared, CallSubject subject,
             std::chrono::milliseconds patience, const std::stop_token& cancel, Send send,
             Done<T> done)
      : RetryCall(std::move(shared), std::move(subject), patience, cancel),
        send_(std::move(send)),
        done_(std::move(done)) {}

 protected:
  void try_once() override {
    send_(shared_->inner, try_token(),
          [self = this->shared_from_this(), this](Result<T> result) { ended(std::move(result)); });
  }
  /// What the try at work came to.
  virtual void ended(Result<T> result) {
    if (result.has_value()) {
      succeed(std::move(result));
    } else {
      failed(result.error());
    }
  }
  void succeed(Result<T> result) {
    if (!finish(Throttle::Outcome::answered)) return;
    done_(std::move(result));
    left();
  }
  void deliver(Error error) override { done(Result<T>(std::move(error))); }
  void done(Result<T> result) { done_(std::move(result)); }

 private:
  const Send send_;
  Done<T> done_;
};

}  // namespace penstock
