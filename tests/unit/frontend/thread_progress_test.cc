// SPDX-License-Identifier: Apache-2.0
#include "frontend/thread_progress.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("threads hang where all of them have been at the same work since the last look") {
  ThreadProgress progress(2);
  CHECK(progress.moves());
  CHECK(progress.moves());  // Nothing to do is no hanging.
  progress.begin();
  CHECK(progress.moves());
  CHECK(progress.moves());  // The other thread is free.
  progress.begin();
  CHECK_FALSE(progress.moves());
  CHECK_FALSE(progress.moves());
  progress.done();
  CHECK(progress.moves());
  progress.begin();
  CHECK_FALSE(progress.moves());
  progress.done();
  progress.begin();
  CHECK(progress.moves());  // Both are busy, but not with the same.
  progress.done();
  progress.done();
  CHECK(progress.moves());
}

}  // namespace
}  // namespace penstock
