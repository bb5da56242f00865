// SPDX-License-Identifier: Apache-2.0
#include "base/shake.h"

#include <chrono>
#include <random>
#include <thread>

namespace penstock {

void shake() noexcept {
  // One in so many calls, and for so long at most: seldom enough for tests to end in their time.
  constexpr uint32_t calls = 64;
  constexpr uint32_t longest_us = 1000;
  static thread_local std::minstd_rand random{std::random_device{}()};
  if (random() % calls == 0)
    std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_us));
}

}  // namespace penstock
