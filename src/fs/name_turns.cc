// SPDX-License-Identifier: Apache-2.0
#include "fs/name_turns.h"

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

std::vector<Callback<void()>> NameTurns::end(State& state, std::map<Place, Turn>::iterator turn) {
  std::vector<Callback<void()>> waiting = std::move(turn->second.waiting);
  state.turns.erase(turn);
  return waiting;
}

void NameTurns::sent_back(const Place& place, uint64_t thread) {
  uint64_t number = 0;
  {
    const MutexLock lock(state_->mutex);
    Turn& turn = state_->turns[place];
    std::erase(turn.opening, thread);
    if (!has(turn.threads, thread)) turn.threads.push_back(thread);
    turn.given_up = turn.once_more = false;
    number = turn.number = ++state_->last;
  }
  forget_later(place, number);
}

void NameTurns::forget_later(const Place& place, uint64_t number) {
  after_(memory, [state = state_, place, number] {
    std::vector<Callback<void()>> waiting;
    {
      const MutexLock lock(state->mutex);
      const auto turn = state->turns.find(place);
      if (turn == state->turns.end() || turn->second.number != number) return;
      waiting = end(*state, turn);
    }
    run_all(std::move(waiting));
  });
}

void NameTurns::give_up_later(const Place& place, uint64_t number) {
  after_(patience, [this, state = state_, place, number] {
    std::vector<Callback<void()>> waiting;
    bool come = false;
    {
      const MutexLock lock(state->mutex);
      const auto turn = state->turns.find(place);
      if (turn == state->turns.end()) return;
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
  const MutexLock lock(state_->mutex);
  if (state_->turns.empty()) return;
  const auto turn = state_->turns.find(place);
  if (turn == state_->turns.end() || !turn->second.given_up) return;
  turn->second.given_up = std::exchange(turn->second.once_more, true);
}

void NameTurns::opening(const Place& place, uint64_t thread) {
  const MutexLock lock(state_->mutex);
  if (state_->turns.empty()) return;
  const auto turn = state_->turns.find(place);
  if (turn == state_->turns.end() || !has(turn->second.threads, thread)) return;
  turn->second.opening.push_back(thread);
  turn->second.given_up = false;
}

void NameTurns::arrived(const Place& place, uint64_t thread) {
  std::vector<Callback<void()>> waiting;
  {
    const MutexLock lock(state_->mutex);
    if (state_->turns.empty()) return;
    const auto turn = state_->turns.find(place);
    if (turn == state_->turns.end()) return;
    std::vector<uint64_t>& threads = turn->second.threads;
    const auto found = std::ranges::find(threads, thread);
    if (found == threads.end()) return;
    threads.erase(found);
    std::erase(turn->second.opening, thread);
    if (!threads.empty()) return;
    waiting = end(*state_, turn);
  }
  run_all(std::move(waiting));
}

bool NameTurns::expected(const Place& place) const {
  const MutexLock lock(state_->mutex);
  return state_->turns.contains(place);
}

bool NameTurns::taken(const Place& place) const {
  const MutexLock lock(state_->mutex);
  const auto turn = state_->turns.find(place);
  return turn != state_->turns.end() && !turn->second.given_up;
}

void NameTurns::wait(const Place& place, Callback<void()> go) {
  uint64_t number = 0;
  {
    const MutexLock lock(state_->mutex);
    const auto turn = state_->turns.find(place);
    if (turn != state_->turns.end() && !turn->second.given_up) {
      turn->second.waiting.push_back(std::move(go));
      go = nullptr;
      number = turn->second.number;
    }
  }
  number != 0 ? give_up_later(place, number) : go();
}

}  // namespace penstock
