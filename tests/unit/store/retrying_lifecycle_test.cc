// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_lifecycle.h"

#include "scripted_store.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::Outcome;

/// Every request fails so often, then succeeds.
class FailingRules final : public LifecycleRules {
 public:
  int failures = 0;
  Error error{Code::unavailable, "x"};
  int tries = 0;
  std::string put_id;

  void read(Done<LifecycleConfiguration> done) override {
    if (++tries <= failures) return done(error);
    done(LifecycleConfiguration{.rules = {}, .small_objects = "told", .document = "d"});
  }
  void put(const LifecycleConfiguration& read, TransitionRule rule, Done<void> done) override {
    CHECK(read.document == "seen");
    put_id = rule.id;
    if (++tries <= failures) return done(error);
    done({});
  }
  void remove(const LifecycleConfiguration&, const std::vector<std::string>& ids,
              Done<void> done) override {
    CHECK(ids == std::vector<std::string>{"r"});
    if (++tries <= failures) return done(error);
    done({});
  }
};

struct Ground {
  test::ManualScheduler scheduler;
  test::ScriptedStore store;
  FailingRules inner;
  std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>();
  RetryingLifecycle rules{inner, std::make_shared<RetryShared>(store, scheduler, RetryPolicy{}, 7,
                                                               Log::none(), metrics)};
  const RequestMetrics& counted = metrics->of(StoreRequest::lifecycle);
};

TEST_CASE("requests for lifecycle rules are tried again, and each try counts") {
  Ground ground;
  ground.inner.failures = 2;
  Outcome<LifecycleConfiguration> read;
  ground.rules.read(read.done());
  ground.scheduler.advance(2s);
  REQUIRE(read.ok());
  CHECK(ground.counted.begun.value() == 3);
  CHECK(ground.counted.ended.value() == 3);
  CHECK(ground.counted.failed.value() == 2);
  CHECK(ground.counted.retried.value() == 2);

  ground.inner.tries = 0;
  Outcome<void> put;
  ground.rules.put({.document = "seen"}, {.id = "mine"}, put.done());
  ground.scheduler.advance(2s);
  CHECK(put.ok());
  CHECK(ground.inner.put_id == "mine");
  ground.inner.tries = 0;
  Outcome<void> removed;
  ground.rules.remove({}, {"r"}, removed.done());
  ground.scheduler.advance(2s);
  CHECK(removed.ok());
  CHECK(ground.counted.begun.value() == 9);
}

TEST_CASE("a refusal of lifecycle rules is delivered at once") {
  Ground ground;
  ground.inner.failures = 1;
  ground.inner.error = Error(Code::access_denied, "no");
  Outcome<LifecycleConfiguration> read;
  ground.rules.read(read.done());
  CHECK(read.code() == Code::access_denied);
  CHECK(ground.inner.tries == 1);
}

}  // namespace
}  // namespace penstock
