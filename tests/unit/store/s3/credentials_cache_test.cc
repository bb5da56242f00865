// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_cache.h"

#include <deque>
#include <memory>

#include "support/captured_log.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using Clock = CredentialsCache::Clock;

/// A cache whose source answers when and what a test says, by clocks that stand still.
struct CacheGround {
  test::ManualScheduler scheduler;
  std::shared_ptr<test::CapturedLog> log = std::make_shared<test::CapturedLog>();
  Clock::time_point now = Clock::time_point(std::chrono::seconds(1'800'000'000));
  std::string files = "as they were";
  int looks = 0;  ///< At the files.
  std::deque<Done<Credentials>> fetches;
  std::unique_ptr<CredentialsCache> cache = std::make_unique<CredentialsCache>(
      CredentialsCache::Source{
          .fetch = [this](const std::stop_token&,
                          Done<Credentials> done) { fetches.push_back(std::move(done)); },
          .files =
              [this] {
                ++looks;
                return files;
              },
          .clock = [this] { return now; }},
      scheduler, log);

  /// What get() has delivered; null as long as it waits.
  std::shared_ptr<std::optional<Result<Credentials>>> ask() {
    auto answer = std::make_shared<std::optional<Result<Credentials>>>();
    cache->get([answer](Result<Credentials> found) { answer->emplace(std::move(found)); });
    scheduler.run();
    return answer;
  }
  /// The access key that get() gives at once; "waits" or the error's code where it does not.
  std::string key() {
    const auto answer = ask();
    if (!*answer) return "waits";
    return (**answer) ? (**answer)->access_key : std::string(to_string((*answer)->code()));
  }
  void deliver(Result<Credentials> result) {
    REQUIRE(fetches.size() == 1);
    Done<Credentials> done = std::move(fetches.front());
    fetches.pop_front();
    done(std::move(result));
    scheduler.run();
  }
  /// Credentials that end after so long.
  Credentials keys(const std::string& name, Clock::duration life) const {
    return {.access_key = name, .secret_key = "s", .session_token = "t", .expires = now + life};
  }
  static Credentials for_ever(const std::string& name) {
    return {.access_key = name, .secret_key = "s", .session_token = {}};
  }
  void pass(std::chrono::seconds time) {
    now += time;
    scheduler.advance(time);
  }
};

TEST_CASE("credentials are fetched once for all who wait") {
  CacheGround ground;
  const auto first = ground.ask();
  const auto second = ground.ask();
  CHECK_FALSE(*first);
  ground.deliver(CacheGround::for_ever("A"));
  REQUIRE(*first);
  REQUIRE(*second);
  CHECK((**first)->access_key == "A");
  CHECK((**second)->access_key == "A");
  ground.pass(24h * 365);
  CHECK(ground.key() == "A");
  CHECK(ground.fetches.empty());
}

TEST_CASE("credentials that end are renewed before, and the old ones used meanwhile") {
  CacheGround ground;
  const auto [life, before] = GENERATE(std::pair{3600s, 300s}, std::pair{400s, 100s});
  ground.ask();
  ground.deliver(ground.keys("old", life));
  ground.pass(life - before - 1s);
  CHECK(ground.key() == "old");
  CHECK(ground.fetches.empty());
  ground.pass(1s);
  CHECK(ground.key() == "old");
  CHECK(ground.fetches.size() == 1);
  CHECK(ground.key() == "old");
  ground.deliver(ground.keys("new", life));
  CHECK(ground.key() == "new");
  CHECK(ground.fetches.empty());
}

TEST_CASE("credentials that have ended are waited for") {
  CacheGround ground;
  ground.ask();
  ground.deliver(ground.keys("old", 1h));
  ground.pass(1h);
  const auto answer = ground.ask();
  CHECK_FALSE(*answer);
  ground.deliver(ground.keys("new", 1h));
  REQUIRE(*answer);
  CHECK((**answer)->access_key == "new");
  // A source that gives what has ended gives nothing.
  ground.pass(1h);
  const auto late = ground.ask();
  ground.deliver(ground.keys("late", -1s));
  REQUIRE(*late);
  CHECK((*late)->code() == Code::access_denied);
}

TEST_CASE("a renewal that fails is tried again, and the old credentials are used to their end") {
  CacheGround ground;
  ground.ask();
  ground.deliver(ground.keys("old", 1h));
  ground.pass(56min);
  CHECK(ground.key() == "old");
  ground.deliver(Error(Code::unavailable, "no STS"));
  CHECK(ground.key() == "old");
  CHECK(ground.fetches.empty());
  CHECK(ground.log->lines() ==
        std::vector<std::string>{"cannot refresh the credentials, going on with the old ones: "
                                 "unavailable: no STS"});
  ground.pass(9s);
  CHECK(ground.key() == "old");
  CHECK(ground.fetches.empty());
  ground.pass(1s);
  CHECK(ground.key() == "old");
  ground.deliver(Error(Code::unavailable, "no STS"));
  ground.pass(5min);
  const auto answer = ground.ask();
  ground.deliver(Error(Code::unavailable, "no STS"));
  REQUIRE(*answer);
  CHECK((*answer)->code() == Code::unavailable);
  // Nothing of that is remembered.
  ground.ask();
  ground.deliver(ground.keys("new", 1h));
  CHECK(ground.key() == "new");
}

TEST_CASE("credentials that the server refuses are fetched anew, once for each refusal") {
  CacheGround ground;
  ground.ask();
  const Credentials old = ground.keys("old", 1h);
  ground.deliver(old);
  ground.cache->invalidate(old);
  CHECK(ground.key() == "waits");
  ground.cache->invalidate(old);
  ground.deliver(ground.keys("new", 1h));
  // Of a request that was signed before.
  ground.cache->invalidate(old);
  CHECK(ground.key() == "new");
  CHECK(ground.fetches.empty());
}

TEST_CASE("files that have changed are read within a second, and waited for") {
  CacheGround ground;
  ground.ask();
  ground.deliver(CacheGround::for_ever("old"));
  ground.files = "changed";
  const int before = ground.looks;
  CHECK(ground.key() == "old");
  CHECK(ground.looks == before);
  ground.pass(1s);
  const auto answer = ground.ask();
  CHECK_FALSE(*answer);
  ground.deliver(CacheGround::for_ever("new"));
  REQUIRE(*answer);
  CHECK((**answer)->access_key == "new");
  ground.pass(1s);
  CHECK(ground.key() == "new");
  CHECK(ground.fetches.empty());
}

TEST_CASE("files that changed for the worse hold nobody up") {
  CacheGround ground;
  ground.ask();
  ground.deliver(CacheGround::for_ever("old"));
  ground.files = "half written";
  ground.pass(1s);
  const auto answer = ground.ask();
  ground.deliver(Error(Code::access_denied, "has no secret"));
  REQUIRE(*answer);
  CHECK((**answer)->access_key == "old");
  ground.pass(1s);
  CHECK(ground.key() == "old");
  CHECK(ground.fetches.empty());
  // The source is asked again all the same, for it may be what failed.
  ground.pass(9s);
  CHECK(ground.key() == "old");
  ground.deliver(Error(Code::access_denied, "has no secret"));
  ground.files = "whole";
  ground.pass(1s);
  CHECK(ground.key() == "waits");
  ground.deliver(CacheGround::for_ever("new"));
  CHECK(ground.key() == "new");
}

TEST_CASE("who waits when the store is closed is told") {
  CacheGround ground;
  auto answer = std::make_shared<std::optional<Result<Credentials>>>();
  ground.cache->get([answer](Result<Credentials> found) { answer->emplace(std::move(found)); });
  ground.scheduler.stop();
  ground.cache.reset();
  REQUIRE(*answer);
  CHECK((*answer)->code() == Code::cancelled);
}

}  // namespace
}  // namespace penstock
