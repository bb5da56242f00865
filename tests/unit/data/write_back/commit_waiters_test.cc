// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/commit_waiters.h"

#include <string>

#include "support/catch.h"

namespace penstock::test {
namespace {

struct WaitersFixture {
  /// Writes its name down when it is answered, in upper case for an error.
  Done<ObjectInfo> done(char name) {
    return [this, name](const Result<ObjectInfo>& result) {
      order += result ? name : static_cast<char>(name - 'a' + 'A');
    };
  }
  void answer(std::vector<Done<ObjectInfo>> taken) {
    for (Done<ObjectInfo>& one : taken) one(ObjectInfo());
  }

  std::string order;
  CommitWaiters waiters;
};

TEST_CASE("who waits for a promise is answered with it, or with a later one") {
  WaitersFixture fixture;
  fixture.waiters.add(1, fixture.done('a'));
  fixture.waiters.add(3, fixture.done('b'));
  fixture.waiters.add(2, fixture.done('c'));
  fixture.answer(fixture.waiters.take(2));
  CHECK(fixture.order == "ac");
  CHECK_FALSE(fixture.waiters.empty());
  fixture.answer(fixture.waiters.take(2));
  CHECK(fixture.order == "ac");
  fixture.answer(fixture.waiters.take(4));
  CHECK(fixture.order == "acb");
  CHECK(fixture.waiters.empty());
}

TEST_CASE("who cannot be served is refused, after the lock is given back") {
  WaitersFixture fixture;
  fixture.waiters.add(1, fixture.done('a'));
  fixture.waiters.add(2, fixture.done('b'));
  {
    Deferred after;
    fixture.waiters.fail(1, Error(Code::unavailable, "no"), after);
    CHECK(fixture.order.empty());
  }
  CHECK(fixture.order == "A");
  CHECK_FALSE(fixture.waiters.empty());
}

TEST_CASE("who comes while uploads are being answered is answered after the last of them") {
  WaitersFixture fixture;
  fixture.waiters.begin_answer();
  fixture.waiters.begin_answer();
  fixture.waiters.add_late(fixture.done('l'));
  CHECK(fixture.waiters.answering());
  fixture.answer(fixture.waiters.end_answer());
  CHECK(fixture.order.empty());
  CHECK(fixture.waiters.answering());
  fixture.answer(fixture.waiters.end_answer());
  CHECK(fixture.order == "l");
  CHECK_FALSE(fixture.waiters.answering());
}

}  // namespace
}  // namespace penstock::test
