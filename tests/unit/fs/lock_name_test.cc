// SPDX-License-Identifier: Apache-2.0
#include "fs/names/lock_name.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("names of lock files are told from others") {
  for (const char* name : {"index.lock", "lock", "LOCK", ".#x.lck", "sshd.pid", "model-lock"}) {
    CAPTURE(name);
    CHECK(lock_name(name));
  }
  for (const char* name : {"poetry.lock.txt", "block", "pid", "locks", "x.locker", "clock"}) {
    CAPTURE(name);
    CHECK_FALSE(lock_name(name));
  }
}

}  // namespace
}  // namespace penstock
