// SPDX-License-Identifier: Apache-2.0
#include "store/retry_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace penstock {
namespace {

constexpr std::chrono::seconds look_every{1};

}  // namespace

RetryShared::RetryShared(ObjectStore& store, Scheduler& with, RetryPolicy retry_policy,
                         uint64_t seed, std::shared_ptr<Log> to,
                         std::shared_ptr<StoreMetrics> count_in)
    : inner(store),
      place(store.identity()),
      scheduler(with),
      policy(retry_policy),
      log(std::move(to)),
      throttle(std::make_shared<Throttle>(with, seed ^ 0x9e3779b97f4a7c15ULL, log)),
      metrics(std::move(count_in)),
      random_(seed) {}

std::chrono::nanoseconds RetryShared::backoff(uint32_t failures) {
  const uint32_t doublings = std::min<uint32_t>(failures == 0 ? 0 : failures - 1, 20);
  const std::chrono::nanoseconds longest = std::min<std::chrono::nanoseconds>(
      policy.max_backoff, policy.first_backoff * (1LL << doublings));
  const MutexLock lock(mutex_);
  return std::chrono::nanoseconds(
      std::uniform_int_distribution<int64_t>(0, longest.count())(random_));
}

bool RetryShared::enter(const std::shared_ptr<RetryCall>& call) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return false;
    calls_.insert(call);
    if (std::exchange(looking_, true)) return true;
  }
  look_soon();
  return true;
}

void RetryShared::look_soon() {
  scheduler.post_after(look_every, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look_for_slow_calls();
  });
}

void RetryShared::look_for_slow_calls() {
  std::vector<std::shared_ptr<RetryCall>> calls;
  {
    const MutexLock lock(mutex_);
    looking_ = !calls_.empty() && !stopping_;
    if (!looking_) return;
    calls.assign(calls_.begin(), calls_.end());
  }
  for (const auto& call : calls) {
    const std::optional<std::string> slow = call->describe_if_slow();
    const auto left_out = slow ? slow_limit_.admit(scheduler.now()) : std::nullopt;
    if (!left_out) continue;
    log->warning(
        "waiting for {}: {}{}", place, *slow,
        *left_out == 0 ? "" : fmt::format(" ({} more like this were not told)", *left_out));
  }
  look_soon();
}

void RetryShared::leave(RetryCall* call) {
  // Released outside of the lock: it may be the last reference.
  const std::shared_ptr<RetryCall> keep = call->shared_from_this();
  const MutexLock lock(mutex_);
  calls_.erase(keep);
  if (calls_.empty()) idle_.notify_all();
}

void RetryShared::stop_and_wait() {
  std::vector<std::shared_ptr<RetryCall>> calls;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    calls.assign(calls_.begin(), calls_.end());
  }
  for (const auto& call : calls) call->stop();
  calls.clear();
  const MutexLock lock(mutex_);
  while (!calls_.empty()) idle_.wait(mutex_);
}

RetryCall::RetryCall(std::shared_ptr<RetryShared> shared, CallSubject subject,
                     std::chrono::milliseconds patience, const std::stop_token& cancel)
    : shared_(std::move(shared)),
      subject_(std::move(subject)),
      patience_(patience),
      cancel_(cancel) {
  first_ = since_ = shared_->scheduler.now();
}

void RetryCall::start() {
  if (cancel_.stop_possible()) on_cancel_.emplace(cancel_, OnCancel{this});
  if (!shared_->enter(shared_from_this())) {
    return deliver(Error(Code::cancelled, "the store is being closed"));
  }
  request_admission();
}

// Whoever cancels may hold locks, so the Done must not run here; the try at work may be told at
// once.
void RetryCall::OnCancel::operator()() const {
  call->stop_.request_stop();
  call->shared_->scheduler.post([weak = call->weak_from_this()] {
    if (const auto self = weak.lock()) self->stop();
  });
}

void RetryCall::end_tries_after(std::chrono::milliseconds limit) {
  shared_->scheduler.post_after(limit, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->expired_ = true;
    self->stop_.request_stop();
    self->stop();
  });
}

void RetryCall::stop() {
  end_waiting(Error(Code::cancelled, shared_->stopping() ? "the store is being closed"
                                                         : "the request was cancelled"));
}

void RetryCall::end_waiting(Error error) {
  {
    const MutexLock lock(mutex_);
    if (phase_ != Phase::backoff && phase_ != Phase::admission) return;
    phase_ = Phase::finished;
  }
  deliver(expired_ ? with_history(error) : std::move(error));
  left();
}

void RetryCall::request_admission() {
  {
    const MutexLock lock(mutex_);
    phase_ = Phase::admission;
  }
  // Only now can stop() end the call: what came before this is seen here.
  if (cancelled() || shared_->stopping()) return stop();
  // Weak, for this may wait in the throttle itself until that goes.
  shared_->throttle->admit(
      [weak = weak_from_this(), line = std::weak_ptr(shared_->throttle)](Throttle::Ticket ticket) {
        if (const auto self = weak.lock()) {
          self->granted(ticket);
        } else if (const auto throttle = line.lock()) {
          throttle->leave(ticket, Throttle::Outcome::unknown, std::chrono::milliseconds{0});
        }
      });
}

void RetryCall::granted(Throttle::Ticket ticket) {
  bool go = false;
  bool again = false;
  {
    const MutexLock lock(mutex_);
    go = phase_ == Phase::admission;
    if (go) {
      phase_ = Phase::trying;
      ticket_ = ticket;
      again = tries_++ > 0;
    }
  }
  if (!go)
    return shared_->throttle->leave(ticket, Throttle::Outcome::unknown,
                                    std::chrono::milliseconds{0});
  if (again) shared_->metrics->of(subject_.operation).retried.add();
  try_once();
}

void RetryCall::progressed() {
  const MutexLock lock(mutex_);
  since_ = shared_->scheduler.now();
  failures_ = 0;
  corrupt_ = 0;
}

std::optional<std::chrono::nanoseconds> RetryCall::next_delay(const Error& error) {
  if (!is_retryable(error.code()) || cancelled() || shared_->stopping()) return std::nullopt;
  uint32_t failures = 0;
  Scheduler::Time since;
  {
    const MutexLock lock(mutex_);
    failures = ++failures_;
    since = since_;
    corrupt_ = error.code() == Code::corrupt ? corrupt_ + 1 : 0;
    if (corrupt_ > shared_->policy.max_corrupt) return std::nullopt;
  }
  const std::chrono::milliseconds asked(std::max<int64_t>(error.detail().retry_after_ms, 0));
  const std::chrono::nanoseconds delay = std::max<std::chrono::nanoseconds>(
      shared_->backoff(failures), std::min(asked, shared_->policy.max_retry_after));
  if (shared_->scheduler.now() + delay >= since + patience_) return std::nullopt;
  return delay;
}

std::optional<std::string> RetryCall::describe_if_slow() {
  const Scheduler::Time now = shared_->scheduler.now();
  const MutexLock lock(mutex_);
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - since_);
  if (said_slow_ || phase_ == Phase::finished || now - since_ < subject_.quiet_for())
    return std::nullopt;
  said_slow_ = true;
  const std::string last = last_error_ ? "; the last try: " + last_error_->describe() : "";
  return fmt::format("{} of '{}' has had no answer for {} s ({}, given up after {} s){}",
                     name_of(subject_.operation), subject_.key, waited.count(),
                     phase_ == Phase::admission ? "held back, as the store has asked to slow down"
                                                : fmt::format("try {}", tries_),
                     std::chrono::duration_cast<std::chrono::seconds>(patience_).count(), last);
}

void RetryCall::failed(const Error& error) {
  const bool refused = error.code() == Code::throttled;
  // What a store says in its own words it has not done; a 503 without them may be a proxy's, which
  // does not know.
  const bool doubtful =
      is_retryable(error.code()) && (!refused || error.detail().service_code.empty());
  const auto delay = next_delay(error);
  if (doubtful) ++doubtful_tries_;
  Throttle::Ticket ticket;
  {
    const MutexLock lock(mutex_);
    ticket = ticket_;
    phase_ = delay ? Phase::backoff : Phase::finished;
    if (is_retryable(error.code())) last_error_ = error;
  }
  const std::chrono::milliseconds asked(std::clamp<int64_t>(
      error.detail().retry_after_ms, 0, shared_->policy.max_retry_after.count()));
  shared_->throttle->leave(ticket,
                           refused    ? Throttle::Outcome::refused
                           : doubtful ? Throttle::Outcome::unknown
                                      : Throttle::Outcome::answered,
                           asked);
  if (!delay) {
    deliver(with_history(error));
    return left();
  }
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(*delay).count();
  constexpr const char* words = "{} failed, next try in {} ms: {}";
  // Bytes that something on the way has changed: whoever owns it wants to know.
  if (error.code() == Code::corrupt) {
    shared_->log->warning(words, name_of(subject_.operation), wait, error.describe());
  } else {
    shared_->log->debug(words, name_of(subject_.operation), wait, error.describe());
  }
  shared_->scheduler.post_after(*delay, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    {
      const MutexLock lock(self->mutex_);
      if (self->phase_ != Phase::backoff) return;
      self->phase_ = Phase::idle;
    }
    self->request_admission();
  });
  // Cancelled or stopped between the check and the change of phase: nobody else would end the wait.
  if (cancelled() || shared_->stopping()) stop();
}

Error RetryCall::with_history(const Error& error) {
  const MutexLock lock(mutex_);
  const bool out_of_time = expired_ && error.code() == Code::cancelled;
  if (!out_of_time && (!is_retryable(error.code()) || tries_ < 2)) return error;
  Error base = error;
  if (out_of_time)
    base = last_error_ ? *last_error_ : Error(Code::timed_out, "the store does not answer");
  Error::Detail detail = base.detail();
  const std::chrono::duration<double> spent = shared_->scheduler.now() - first_;
  detail.message += fmt::format(" (gave up after {} {} in {:.1f} s)", tries_,
                                tries_ == 1 ? "try" : "tries", spent.count());
  return Error(base.code(), std::move(detail));
}

bool RetryCall::finish(Throttle::Outcome outcome) {
  Throttle::Ticket ticket;
  {
    const MutexLock lock(mutex_);
    if (phase_ == Phase::finished) return false;
    phase_ = Phase::finished;
    ticket = ticket_;
  }
  shared_->throttle->leave(ticket, outcome, std::chrono::milliseconds{0});
  return true;
}

void RetryCall::give_up(Error error) {
  if (!finish(Throttle::Outcome::answered)) return;
  deliver(std::move(error));
  left();
}

void RetryCall::left() {
  // Before the store may go: the callback uses the scheduler.
  on_cancel_.reset();
  shared_->leave(this);
}

}  // namespace penstock
