// SPDX-License-Identifier: Apache-2.0
#include "app/access/replayer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/worker_pool.h"

namespace penstock {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

Replayer::Replayer(ReplayLog& log, ReplayTarget& target, ReplayReport& report, ReplayPace pace)
    : log_(log), target_(target), report_(report), pace_(pace) {}

Result<ReplayTimes> Replayer::run() {
  WorkerPool pool("replay", pace_.jobs);
  const Clock::time_point start = Clock::now();
  int64_t first_us = 0;
  int64_t last_us = 0;
  for (size_t i = 0; i < log_.size(); ++i) {
    Result<AccessRecord> record = log_.read(i);
    if (!record) {
      wait_for_all();
      return record.error();
    }
    const int64_t began_us = record->began_us;
    const int64_t ends_us = began_us + record->took_us;
    if (i == 0) first_us = began_us;
    Clock::time_point due = start;
    if (pace_.speed > 0) {
      const std::chrono::duration<double, std::micro> after(
          static_cast<double>(began_us - first_us) / pace_.speed);
      due += std::chrono::duration_cast<nanoseconds>(after);
    }
    if (!wait_for_turn(began_us, due)) break;
    last_us = std::max(last_us, ends_us);
    begin(ends_us);
    pool.post([this, ends_us, record = *std::move(record)] {
      const Clock::time_point began = Clock::now();
      const std::optional<Played> played = target_.play(record);
      const auto took = Clock::now() - began;
      played ? report_.add(record, *played, took) : report_.leave_out();
      end(ends_us);
    });
  }
  wait_for_all();
  return ReplayTimes{.recorded = microseconds(last_us - first_us), .played = Clock::now() - start};
}

void Replayer::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Replayer::wait_for_turn(int64_t began_us, Clock::time_point due) {
  const MutexLock lock(mutex_);
  while (!stopped_ && Clock::now() < due) changed_.wait_until(mutex_, due);
  while (!stopped_ &&
         (at_work_.size() >= pace_.jobs || (!at_work_.empty() && *at_work_.begin() <= began_us)))
    changed_.wait(mutex_);
  return !stopped_;
}

void Replayer::begin(int64_t ends_us) {
  const MutexLock lock(mutex_);
  at_work_.insert(ends_us);
}

void Replayer::end(int64_t ends_us) {
  const MutexLock lock(mutex_);
  at_work_.erase(at_work_.find(ends_us));
  changed_.notify_all();
}

void Replayer::wait_for_all() {
  const MutexLock lock(mutex_);
  while (!at_work_.empty()) changed_.wait(mutex_);
}

}  // namespace penstock
