// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_sums.h"

#include <chrono>
#include <memory>
#include <optional>

#include "scripted_store.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::Outcome;

/// Every request fails so often, then succeeds.
class FailingSums final : public ObjectSums {
 public:
  int failures = 0;
  Error error{Code::unavailable, "x"};
  int tries = 0;

  void look(HeadRequest request, Done<ObjectSum> done) override {
    CHECK(request.key == "k");
    if (++tries <= failures) return done(error);
    done(ObjectSum{.object = {.key = request.key}, .kind = ChecksumKind::sha1, .value = "v"});
  }
  void look_at_part(PartSumRequest request, Done<PartSum> done) override {
    CHECK(request.key == "k");
    CHECK(request.if_match == "e");
    if (++tries <= failures) return done(error);
    done(PartSum{.size = request.number, .value = {}});
  }
};

struct Ground {
  test::ManualScheduler scheduler;
  test::ScriptedStore store;
  FailingSums inner;
  std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>();
  RetryingSums sums{inner, std::make_shared<RetryShared>(store, scheduler, RetryPolicy{}, 7,
                                                         Log::none(), metrics)};
  const RequestMetrics& counted = metrics->of(StoreRequest::head);
};

TEST_CASE("requests for checksums are tried again, and each try counts") {
  Ground ground;
  ground.inner.failures = 2;
  Outcome<ObjectSum> sum;
  ground.sums.look({.key = "k", .cancel = {}}, sum.done());
  ground.scheduler.advance(2s);
  REQUIRE(sum.ok());
  CHECK(ground.counted.begun.value() == 3);
  CHECK(ground.counted.failed.value() == 2);
  CHECK(ground.counted.retried.value() == 2);
  ground.inner.tries = 0;
  Outcome<PartSum> part;
  ground.sums.look_at_part({.key = "k", .if_match = "e", .number = 3}, part.done());
  ground.scheduler.advance(2s);
  REQUIRE(part.ok());
  CHECK(ground.counted.begun.value() == 6);
}

TEST_CASE("a refusal of checksums is delivered at once") {
  for (const Code code : {Code::access_denied, Code::not_supported, Code::changed}) {
    Ground ground;
    ground.inner.failures = 1;
    ground.inner.error = Error(code, "no");
    Outcome<PartSum> part;
    ground.sums.look_at_part({.key = "k", .if_match = "e", .number = 1}, part.done());
    CHECK(part.code() == code);
    CHECK(ground.inner.tries == 1);
  }
}

}  // namespace
}  // namespace penstock
