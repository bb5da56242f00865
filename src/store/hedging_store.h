// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "base/scheduler.h"
#include "store/forwarding_store.h"
#include "store/hedge_queue.h"
#include "store/latency_window.h"
#include "store/store_metrics.h"

namespace penstock {

/// Whether one more request may be sent twice: at most one in twenty, and ten in a row after a
/// while without; none for ten seconds after the store has asked to slow down. Thread-safe.
class HedgeBudget {
 public:
  /// A request was sent.
  void earn() EXCLUDES(mutex_);
  /// True: another may be sent beside one that is slow.
  bool spend(Scheduler::Time now) EXCLUDES(mutex_);
  /// The store has asked to slow down.
  void suspend(Scheduler::Time now) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  uint32_t twentieths_ GUARDED_BY(mutex_) = 0;
  Scheduler::Time suspended_until_ GUARDED_BY(mutex_) = Scheduler::Time::min();
};

/// What calls of a HedgingStore share, and need as long as one of them runs.
struct HedgeShared {
  /// Of one kind of request: they are alike slow.
  struct Kind {
    explicit Kind(Scheduler& scheduler) : queue(std::make_shared<HedgeQueue>(scheduler)) {}
    LatencyWindow window;
    const std::shared_ptr<HedgeQueue> queue;
  };

  HedgeShared(Scheduler& clock, std::shared_ptr<StoreMetrics> counts)
      : scheduler(clock), metrics(std::move(counts)), gets(clock), heads(clock), lists(clock) {}

  Scheduler& scheduler;
  const std::shared_ptr<StoreMetrics> metrics;
  Kind gets;
  Kind heads;
  Kind lists;
  HedgeBudget budget;
};

/// Sends a get, head or list that somebody waits for a second time when its answer is slow to begin
/// (LatencyWindow) and the budget allows; whichever begins first counts, and the other one is
/// cancelled. "The Tail at Scale" (Dean and Barroso, 2013) calls these hedged requests. What is
/// fetched ahead is not hedged, nor what changes the store.
///
/// A failure that passes is only told when both have failed. `inner` and `scheduler` must outlive
/// it; its calls do not need it. Thread-safe.
class HedgingStore final : public ForwardingStore {
 public:
  /// RequestMetrics::hedged is counted in `metrics`.
  HedgingStore(ObjectStore& inner, Scheduler& scheduler, std::shared_ptr<StoreMetrics> metrics);

  void get(GetRequest request, Done<ObjectInfo> done) override;
  void head(HeadRequest request, Done<ObjectInfo> done) override;
  void list(ListRequest request, Done<ListPage> done) override;

 private:
  const std::shared_ptr<HedgeShared> shared_;
};

}  // namespace penstock
