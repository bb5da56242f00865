// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "base/scheduler.h"
#include "simulation/world.h"

namespace penstock::sim {

/// A Scheduler as WorkerPool is one, on fibers: as many pieces of work run at a time as it has
/// threads, and they begin in the order in which they were posted. One thread keeps their order.
/// The destructor lets running work finish and drops what has not begun.
class Pool final : public Scheduler {
 public:
  Pool(World& world, GroupPtr group, const std::string& name, int threads)
      : state_(std::make_shared<State>(world, std::move(group), name, threads)) {}

  ~Pool() override {
    state_->stopped = true;
    std::deque<Callback<void()>> dropped;
    dropped.swap(state_->waiting);
    if (!state_->world.in_fiber()) return;
    while (state_->running > 0) state_->world.wait(state_->idle);
  }

  Time now() const override { return std::chrono::steady_clock::now(); }

  void post(Callback<void()> work) override { State::post(state_, std::move(work)); }

  void post_at(Time when, Callback<void()> work) override {
    const auto delay = std::chrono::duration_cast<std::chrono::nanoseconds>(when - now());
    state_->world.after(std::max<Nanos>(delay.count(), 0), state_->group,
                        [state = state_, work = std::move(work)]() mutable {
                          State::post(state, std::move(work));
                        });
  }

 private:
  struct State {
    State(World& the_world, GroupPtr the_group, const std::string& name, int the_threads)
        : world(the_world),
          group(std::move(the_group)),
          kind("pool " + group->name + name),
          threads(the_threads) {}

    static void post(const std::shared_ptr<State>& state, Callback<void()> work) {
      if (state->stopped) return;
      state->waiting.push_back(std::move(work));
      start(state);
    }

    static void start(const std::shared_ptr<State>& state) {
      if (state->running == state->threads || state->waiting.empty()) return;
      ++state->running;
      state->world.after(state->world.between(state->kind, 0, 20 * microsecond), state->group,
                         [state] {
                           if (!state->waiting.empty()) {
                             Callback<void()> work = std::move(state->waiting.front());
                             state->waiting.pop_front();
                             work();
                           }
                           --state->running;
                           state->world.wake_all(state->idle);
                           start(state);
                         });
    }

    World& world;
    const GroupPtr group;
    const std::string kind;
    const int threads;
    bool stopped = false;
    int running = 0;
    std::deque<Callback<void()>> waiting;
    Signal idle;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace penstock::sim
