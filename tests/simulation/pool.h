// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>

#include "base/scheduler.h"
#include "simulation/world.h"

namespace penstock::sim {

/// A Scheduler as WorkerPool is one, on fibers: as many pieces of work run at a time as it has
/// threads, and they begin in the order in which they were posted. One thread keeps their order.
class Pool final : public Scheduler {
 public:
  Pool(World& world, GroupPtr group, const std::string& name, int threads)
      : world_(world),
        group_(std::move(group)),
        kind_("pool " + group_->name + name),
        threads_(threads) {}

  Time now() const override { return std::chrono::steady_clock::now(); }

  void post(Callback<void()> work) override {
    waiting_.push_back(std::move(work));
    start();
  }

  void post_at(Time when, Callback<void()> work) override {
    const auto delay = std::chrono::duration_cast<std::chrono::nanoseconds>(when - now());
    world_.after(std::max<Nanos>(delay.count(), 0), group_,
                 [this, work = std::move(work)]() mutable { post(std::move(work)); });
  }

 private:
  void start() {
    if (running_ == threads_ || waiting_.empty()) return;
    ++running_;
    world_.after(world_.between(kind_, 0, 20 * microsecond), group_, [this] {
      if (!waiting_.empty()) {
        Callback<void()> work = std::move(waiting_.front());
        waiting_.pop_front();
        work();
      }
      --running_;
      start();
    });
  }

  World& world_;
  const GroupPtr group_;
  const std::string kind_;
  const int threads_;
  int running_ = 0;
  std::deque<Callback<void()>> waiting_;
};

}  // namespace penstock::sim
