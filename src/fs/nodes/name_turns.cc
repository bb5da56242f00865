// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/name_turns.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

bool has(const std::vector<uint64_t>& threads, uint64_t thread) {
  return std::ranges::find(threads, thread) != threads.end();
}

void run_all(std::vector<Callback<void()>> waiting) {
  for (Callback<void()>& go : waiting) go();
}

}  // namespace

std::vector<Callback<void()>> NameTurns::end(std::map<Place, Turn>::iterator turn) {
  std::vector<Callback<void()>> waiting = std::move(turn->second.waiting);
  turns_.erase(turn);
  return waiting;
}

void NameTurns::sent_back(const Place& place, uint64_t thread) {
  uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    Turn& turn = turns_[place];
    std::erase(turn.opening, thread);
    std::erase(turn.missed, thread);
    if (!has(turn.threads, thread)) turn.threads.push_back(thread);
    turn.given_up = turn.once_more = false;
    number = turn.number = ++last_;
  }
  forget_later(place, number);
}

void NameTurns::forget_later(const Place& place, uint64_t number) {
  after_(memory, [this, place, number] {
    std::vector<Callback<void()>> waiting;
    {
      const MutexLock lock(mutex_);
      const auto turn = turns_.find(place);
      if (turn == turns_.end() || turn->second.number != number) return;
      waiting = end(turn);
    }
    run_all(std::move(waiting));
  });
}

void NameTurns::give_up_later(const Place& place, uint64_t number) {
  after_(patience, [this, place, number] {
    std::vector<Callback<void()>> waiting;
    bool come = false;
    {
      const MutexLock lock(mutex_);
      const auto turn = turns_.find(place);
      if (turn == turns_.end()) return;
      come = !turn->second.opening.empty();
      // Whoever was sent back meanwhile is waited for anew.
      if (!come && turn->second.number == number) turn->second.given_up = true;
      if (!come) waiting = std::exchange(turn->second.waiting, {});
    }
    if (come) give_up_later(place, number);
    run_all(std::move(waiting));
  });
}

void NameTurns::told(const Place& place) {
  const MutexLock lock(mutex_);
  if (turns_.empty()) return;
  const auto turn = turns_.find(place);
  if (turn == turns_.end() || !turn->second.given_up) return;
  turn->second.given_up = std::exchange(turn->second.once_more, true);
}

void NameTurns::opening(const Place& place, uint64_t thread) {
  const MutexLock lock(mutex_);
  if (turns_.empty()) return;
  const auto turn = turns_.find(place);
  if (turn == turns_.end() || !has(turn->second.threads, thread)) return;
  turn->second.opening.push_back(thread);
  turn->second.given_up = false;
}

void NameTurns::found_nothing(const Place& place, uint64_t thread) {
  std::vector<Callback<void()>> waiting;
  bool again = false;
  {
    const MutexLock lock(mutex_);
    if (turns_.empty()) return;
    const auto found = turns_.find(place);
    if (found == turns_.end() || !has(found->second.threads, thread)) return;
    Turn& turn = found->second;
    again = has(turn.missed, thread);
    if (!again) turn.missed.push_back(thread);
    if (!again && turn.missed.size() == turn.threads.size()) {
      turn.given_up = true;
      turn.once_more = false;
      waiting = std::exchange(turn.waiting, {});
    }
  }
  run_all(std::move(waiting));
  if (again) arrived(place, thread);
}

void NameTurns::arrived(const Place& place, uint64_t thread) {
  std::vector<Callback<void()>> waiting;
  {
    const MutexLock lock(mutex_);
    if (turns_.empty()) return;
    const auto turn = turns_.find(place);
    if (turn == turns_.end()) return;
    std::vector<uint64_t>& threads = turn->second.threads;
    const auto found = std::ranges::find(threads, thread);
    if (found == threads.end()) return;
    threads.erase(found);
    std::erase(turn->second.opening, thread);
    std::erase(turn->second.missed, thread);
    if (!threads.empty()) return;
    waiting = end(turn);
  }
  run_all(std::move(waiting));
}

bool NameTurns::expected(const Place& place) const {
  const MutexLock lock(mutex_);
  return turns_.contains(place);
}

bool NameTurns::taken(const Place& place) const {
  const MutexLock lock(mutex_);
  const auto turn = turns_.find(place);
  return turn != turns_.end() && !turn->second.given_up;
}

void NameTurns::wait(const Place& place, Callback<void()> go) {
  uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    const auto turn = turns_.find(place);
    if (turn != turns_.end() && !turn->second.given_up) {
      turn->second.waiting.push_back(std::move(go));
      go = nullptr;
      number = turn->second.number;
    }
  }
  number != 0 ? give_up_later(place, number) : go();
}

}  // namespace penstock
