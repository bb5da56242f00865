// SPDX-License-Identifier: Apache-2.0
#include "store/throttle.h"

#include <algorithm>
#include <utility>

namespace penstock {

Throttle::Throttle(Scheduler& scheduler, uint64_t seed, std::shared_ptr<Log> log)
    : scheduler_(scheduler), log_(std::move(log)), random_(seed) {}

uint64_t Throttle::in_flight() const {
  const MutexLock lock(mutex_);
  return in_flight_;
}

uint64_t Throttle::waiting() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

double Throttle::limit() const {
  const MutexLock lock(mutex_);
  return limit_;
}

bool Throttle::may_start(Scheduler::Time now) const {
  if (limit_ >= no_limit) return true;
  return static_cast<double>(in_flight_ + 1) <= limit_ && now >= not_before_;
}

void Throttle::admit(Callback<void(Ticket)> granted) {
  Ticket ticket;
  Callback<void(Ticket)> at_once;
  {
    const MutexLock lock(mutex_);
    // Without a limit nobody waits, and the clock need not be asked.
    if (limit_ < no_limit || !waiting_.empty()) {
      waiting_.push_back(std::move(granted));
    } else {
      ++in_flight_;
      ticket.round = round_;
      at_once = std::move(granted);
    }
  }
  if (at_once) {
    at_once(ticket);
  } else {
    grant_waiting();
  }
}

void Throttle::leave(Ticket ticket, Outcome outcome, std::chrono::milliseconds retry_after) {
  bool slowed = false;
  double limit = 0;
  {
    const MutexLock lock(mutex_);
    const bool was_unlimited = limit_ >= no_limit;
    if (outcome == Outcome::refused) refused(ticket, retry_after);
    if (outcome == Outcome::answered) answered(ticket);
    --in_flight_;
    limit = limit_;
    slowed = was_unlimited && limit_ < no_limit;
  }
  grant_waiting();
  if (slowed)
    log_->warning("the store asks to slow down: at most {:.0f} requests at a time for now", limit);
}

void Throttle::refused(Ticket ticket, std::chrono::milliseconds retry_after) {
  const Scheduler::Time now = scheduler_.now();
  if (ticket.round == round_) {
    ++round_;
    limit_ = std::max(1.0, std::min(limit_, static_cast<double>(in_flight_)) * 0.7);
    std::uniform_real_distribution<double> share(0.5, 1.0);
    const auto pause =
        std::chrono::duration_cast<std::chrono::nanoseconds>(pause_ * share(random_));
    not_before_ = std::max(not_before_, now + pause);
    spacing_ =
        std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(pause.count()) / limit_));
    pause_ = std::min(pause_ * 2, longest_pause);
  }
  not_before_ = std::max(not_before_, now + retry_after);
}

void Throttle::answered(Ticket ticket) {
  if (limit_ >= no_limit) return;
  limit_ += 1.0 / limit_;
  if (ticket.round == round_) {
    pause_ = first_pause;
    spacing_ = std::chrono::nanoseconds{0};
    // A store that takes requests again for a while is not held down: each round trip adds a tenth
    // at least.
    limit_ += 0.1;
  }
}

bool Throttle::needs_timer(Scheduler::Time now) {
  if (waiting_.empty() || timer_posted_ || now >= not_before_) return false;
  timer_posted_ = true;
  return true;
}

void Throttle::grant_waiting() {
  while (true) {
    Callback<void(Ticket)> granted;
    Ticket ticket;
    bool post_timer = false;
    Scheduler::Time when;
    {
      const MutexLock lock(mutex_);
      // One thread at a time: a store that answers at once would otherwise nest one grant in the
      // other.
      if (granting_) return;
      const Scheduler::Time now = scheduler_.now();
      if (!waiting_.empty() && may_start(now)) {
        granted = std::move(waiting_.front());
        waiting_.pop_front();
        ++in_flight_;
        ticket.round = round_;
        not_before_ = now + spacing_;
        granting_ = true;
      } else {
        post_timer = needs_timer(now);
        when = not_before_;
      }
    }
    if (!granted) {
      if (post_timer) {
        scheduler_.post_at(when, [weak = weak_from_this()] {
          if (const auto self = weak.lock()) {
            {
              const MutexLock lock(self->mutex_);
              self->timer_posted_ = false;
            }
            self->grant_waiting();
          }
        });
      }
      return;
    }
    granted(ticket);
    const MutexLock lock(mutex_);
    granting_ = false;
  }
}

}  // namespace penstock
