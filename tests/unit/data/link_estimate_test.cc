// SPDX-License-Identifier: Apache-2.0
#include "data/link_estimate.h"

#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using test::mib;

struct Link {
  LinkEstimate estimate{8 * mib};
  Scheduler::Time now{std::chrono::hours(1)};

  /// `rate` bytes per millisecond, for that long, in fetches that take `body`.
  void run(milliseconds time, uint64_t rate, milliseconds body) {
    for (int64_t i = 0; i < time.count(); ++i) {
      now += milliseconds(1);
      estimate.arrived(now, rate);
      if (i % 10 == 0) estimate.completed(now, 8 * mib, milliseconds(30), body);
    }
  }
};

TEST_CASE("before anything is known there is a window to begin with") {
  CHECK(Link().estimate.window() == 64 * mib);
}

TEST_CASE("the window is twice what the link holds") {
  Link link;
  link.run(milliseconds(500), 600'000, milliseconds(93));
  CHECK(link.estimate.window() == Approx(2 * 600e6 * 0.123).epsilon(0.01));
}

TEST_CASE("a full link, where every fetch takes longer, does not widen the window without end") {
  Link link;
  link.run(milliseconds(500), 600'000, milliseconds(93));
  for (int i = 0; i < 100; ++i) link.run(milliseconds(500), 600'000, milliseconds(1000));
  CHECK(link.estimate.window() < 2 * 600e6 * 0.123 * 1.2);
}

TEST_CASE("a slow link keeps the least window, and old speed is forgotten") {
  Link link;
  link.run(milliseconds(500), 600'000, milliseconds(93));
  link.run(milliseconds(5000), 1'000, milliseconds(93));
  CHECK(link.estimate.window() == 32 * mib);
}

TEST_CASE("small fetches do not count as durations") {
  Link link;
  link.run(milliseconds(500), 600'000, milliseconds(93));
  link.estimate.completed(link.now, mib, milliseconds(1), milliseconds(1));
  CHECK(link.estimate.window() > 100 * mib);
}

}  // namespace
}  // namespace penstock
