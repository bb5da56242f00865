// SPDX-License-Identifier: Apache-2.0
#include "data/link_estimate.h"

#include <algorithm>

namespace penstock {
namespace {

using std::chrono::nanoseconds;

/// Believed until a fetch was timed: a first byte after 30 ms, then 8 MiB at 90 MB/s.
constexpr nanoseconds usual_duration = std::chrono::milliseconds(125);
/// Once something was measured, window() is never less.
constexpr uint64_t least_window = 32ULL << 20;

/// How often the best duration may rise, and by how much: while the link is full every fetch takes
/// longer, and believing that would grow the window without end.
constexpr auto period = std::chrono::seconds(60);
constexpr int64_t rise_percent = 110;

}  // namespace

void LinkEstimate::arrived(Time now, uint64_t bytes) {
  const int64_t slot = now.time_since_epoch() / slot_length;
  const MutexLock lock(mutex_);
  if (slot > slot_) {
    const int64_t stale = std::min<int64_t>(slot - slot_, slots);
    for (int64_t i = 0; i < stale; ++i) arrived_[static_cast<size_t>(slot - i) % slots] = 0;
    slot_ = slot;
  }
  arrived_[static_cast<size_t>(slot_) % slots] += bytes;
}

void LinkEstimate::completed(Time now, uint64_t bytes, nanoseconds first_byte, nanoseconds body) {
  if (bytes < fetch_size_ / 2) return;
  const double scale = static_cast<double>(fetch_size_) / static_cast<double>(bytes);
  const nanoseconds full =
      first_byte + nanoseconds(static_cast<int64_t>(static_cast<double>(body.count()) * scale));
  const MutexLock lock(mutex_);
  if (!measured_) {
    measured_ = true;
    duration_ = period_best_ = full;
    period_end_ = now + period;
    return;
  }
  duration_ = std::min(duration_, full);
  period_best_ = std::min(period_best_, full);
  if (now < period_end_) return;
  duration_ = std::min(period_best_, duration_ * rise_percent / 100);
  period_best_ = full;
  period_end_ = now + period;
}

uint64_t LinkEstimate::best_rate() const {
  uint64_t most = 0;
  for (size_t i = 0; i < slots; ++i) {
    if (slot_ >= 0 && i == static_cast<size_t>(slot_) % slots) continue;  // not full yet
    most = std::max(most, arrived_[i]);
  }
  return most * (std::chrono::seconds(1) / slot_length);
}

uint64_t LinkEstimate::window() const {
  const MutexLock lock(mutex_);
  const uint64_t rate = best_rate();
  if (rate == 0) return first_window_;
  const nanoseconds duration = measured_ ? duration_ : usual_duration;
  const double on_the_way =
      static_cast<double>(rate) * std::chrono::duration<double>(duration).count();
  return std::max(static_cast<uint64_t>(2 * on_the_way), least_window);
}

}  // namespace penstock
