// SPDX-License-Identifier: Apache-2.0
#include "app/warm/pace.h"

#include <chrono>
#include <thread>

namespace penstock {
namespace {

constexpr std::chrono::milliseconds look_every{5};
/// A disk that takes nothing for so long is not waited for.
constexpr std::chrono::seconds patience{30};

}  // namespace

void pace(uint64_t most, const std::function<uint64_t()>& coming) {
  uint64_t before = coming();
  auto moved = std::chrono::steady_clock::now();
  while (before > most && std::chrono::steady_clock::now() - moved < patience) {
    std::this_thread::sleep_for(look_every);
    const uint64_t now = coming();
    if (now != before) moved = std::chrono::steady_clock::now();
    before = now;
  }
}

}  // namespace penstock
