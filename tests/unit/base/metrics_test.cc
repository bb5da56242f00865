// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <thread>
#include <vector>

#include "support/catch.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST_CASE("a time is counted in the first bucket that holds it, the bound itself included") {
  LatencyHistogram histogram;
  histogram.observe(nanoseconds(10'000));
  histogram.observe(nanoseconds(10'001));
  histogram.observe(std::chrono::hours(1));
  histogram.observe(nanoseconds(-5));  // a clock that went back
  const LatencyHistogram::Reading reading = histogram.read();
  CHECK(reading.counts[0] == 2);
  CHECK(reading.counts[1] == 1);
  CHECK(reading.counts.back() == 1);
  CHECK(reading.total() == 4);
  CHECK(reading.sum == nanoseconds(20'001) + std::chrono::hours(1));
}

TEST_CASE("the bounds of the buckets grow") {
  for (size_t i = 1; i < LatencyHistogram::bounds.size(); ++i)
    CHECK(LatencyHistogram::bounds[i - 1] < LatencyHistogram::bounds[i]);
}

TEST_CASE("nothing is lost that several threads count") {
  Count count;
  LatencyHistogram histogram;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 10'000; ++j) {
          count.add();
          histogram.observe(milliseconds(1));
        }
      });
    }
  }
  CHECK(count.value() == 40'000);
  CHECK(histogram.read().total() == 40'000);
  CHECK(histogram.read().sum == milliseconds(40'000));
}

}  // namespace
}  // namespace penstock
