// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/probe_calls.h"

#include <algorithm>

namespace penstock {

std::chrono::milliseconds ProbeCalls::left() const {
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()));
}

bool ProbeCalls::settle(std::chrono::milliseconds limit) {
  calls_->wait_until(Clock::now() + limit, [this] { return calls_->idle(); });
  return calls_->idle();
}

std::optional<Error> ProbeCalls::why_over() const {
  if (interrupted()) return Error(Code::interrupted, "interrupted");
  if (Clock::now() < end_) return std::nullopt;
  return Error(Code::timed_out, "no answer in the time that penstock doctor takes for all");
}

void ProbeCalls::Calls::begun() {
  const MutexLock lock(mutex_);
  ++under_way_;
}

void ProbeCalls::Calls::ended() {
  const MutexLock lock(mutex_);
  --under_way_;
  ++changes_;
  changed_.notify_all();
}

void ProbeCalls::Calls::wake() {
  const MutexLock lock(mutex_);
  ++changes_;
  changed_.notify_all();
}

bool ProbeCalls::Calls::idle() {
  const MutexLock lock(mutex_);
  return under_way_ == 0;
}

uint64_t ProbeCalls::Calls::changes() {
  const MutexLock lock(mutex_);
  return changes_;
}

uint64_t ProbeCalls::Calls::await(uint64_t seen, Clock::time_point end) {
  const MutexLock lock(mutex_);
  while (changes_ == seen && Clock::now() < end) changed_.wait_until(mutex_, end);
  return changes_;
}

}  // namespace penstock
