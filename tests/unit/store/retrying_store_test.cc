// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_store.h"

#include <thread>

#include "base/log_limit.h"
#include "base/worker_pool.h"
#include "scripted_store.h"
#include "support/await.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::body_of;
using test::Outcome;

struct RetryingGround {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  std::shared_ptr<StoreMetrics> metrics = std::make_shared<StoreMetrics>();
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, Log::none(), metrics};
};

/// Fails `times` times with `error`, then succeeds.
template <typename T>
auto failing(int& tries, int times, Error error, T value) {
  return [&tries, times, error, value](auto /*request*/, Done<T> done) {
    if (++tries <= times) return done(error);
    done(value);
  };
}

TEST_CASE("Failures that pass are tried again, within two seconds for three of them") {
  const Code code = GENERATE(Code::throttled, Code::unavailable, Code::timed_out, Code::corrupt);
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_head = failing(tries, 3, Error(code, "x"), ObjectInfo{.key = "a"});
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a"}, outcome.done());
  ground.scheduler.advance(2s);
  CHECK(outcome.ok());
  CHECK(tries == 4);
  CHECK(ground.metrics->of(StoreRequest::head).retried.value() == 3);
  CHECK(ground.metrics->of(StoreRequest::get).retried.value() == 0);
}

TEST_CASE("Failures that stay are delivered at once and unchanged") {
  const Code code =
      GENERATE(Code::not_found, Code::access_denied, Code::changed, Code::already_exists,
               Code::no_space, Code::cancelled, Code::invalid_argument);
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_head = failing(tries, 100, Error(code, "why"), ObjectInfo{});
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a"}, outcome.done());
  CHECK(outcome.code() == code);
  CHECK(outcome.message() == "why");
  CHECK(tries == 1);
}

TEST_CASE("What has had no answer for five seconds is said once, with its key") {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  const auto log = std::make_shared<test::CapturedLog>();
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, log};
  std::vector<Done<ObjectInfo>> unanswered;
  inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) {
    unanswered.push_back(std::move(done));
  };
  Outcome<ObjectInfo> first;
  Outcome<ObjectInfo> second;
  store.head({.key = "a b"}, first.done());
  scheduler.advance(4s);
  CHECK(log->lines().empty());
  scheduler.advance(2s);
  const std::string said =
      "waiting for scripted: head of 'a b' has had no answer for 5 s (try 1, given up after 60 s)";
  CHECK(log->lines() == std::vector<std::string>{said});
  scheduler.advance(30s);
  CHECK(log->lines().size() == 1);
  store.head({.key = "c"}, second.done());
  unanswered[0](ObjectInfo{});
  CHECK(first.ok());
  scheduler.advance(6s);
  REQUIRE(log->lines().size() == 2);
  CHECK(log->lines()[1].find("head of 'c'") != std::string::npos);
  unanswered[1](ObjectInfo{});
  scheduler.advance(60s);
  CHECK(log->lines().size() == 2);
}

TEST_CASE("Requests that have no answer are told at a rate that can be read") {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  const auto log = std::make_shared<test::CapturedLog>();
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, log};
  std::vector<Done<ObjectInfo>> unanswered;
  inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) {
    unanswered.push_back(std::move(done));
  };
  Outcome<ObjectInfo> outcomes[200];
  for (int i = 0; i < 200; ++i) store.head({.key = std::to_string(i)}, outcomes[i].done());
  scheduler.advance(8s);
  CHECK(log->lines().size() == LogLimit::at_once);
  for (auto& done : unanswered) done(ObjectInfo{});
}

TEST_CASE("A body may take its time, and what fails and is tried again says why it waits") {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  const auto log = std::make_shared<test::CapturedLog>();
  Outcome<ObjectInfo> put;
  Outcome<ObjectInfo> head;  // which has its answer when the store ends
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, log};
  std::vector<Done<ObjectInfo>> unanswered;
  inner.on_put = [&](const PutRequest&, Done<ObjectInfo> done) {
    unanswered.push_back(std::move(done));
  };
  int heads = 0;
  inner.on_head =
      failing(heads, 1'000'000, Error(Code::unavailable, "no connection"), ObjectInfo{});
  store.put({.key = "p", .body = body_of(std::string(8 << 20, 'x'))}, put.done());
  store.head({.key = "h"}, head.done());
  scheduler.advance(12s);
  REQUIRE(log->lines().size() == 1);
  CHECK(log->lines()[0].find("head of 'h' has had no answer for 5 s (try ") != std::string::npos);
  CHECK(log->lines()[0].find("; the last try: ") != std::string::npos);
  CHECK(log->lines()[0].ends_with("no connection"));
  scheduler.advance(3s);
  REQUIRE(log->lines().size() == 2);
  CHECK(log->lines()[1].find("put of 'p' has had no answer for 13 s") != std::string::npos);
  unanswered[0](ObjectInfo{});
}

TEST_CASE("A read is given up after a minute, a write after five, and the error says so") {
  RetryingGround ground;
  int heads = 0;
  int removes = 0;
  ground.inner.on_head =
      failing(heads, 1'000'000, Error(Code::unavailable, "no connection"), ObjectInfo{});
  ground.inner.on_remove = [&removes](const std::string&, Done<void> done) {
    ++removes;
    done(Error(Code::unavailable, "no connection"));
  };
  Outcome<ObjectInfo> head;
  Outcome<void> remove;
  ground.store.head({.key = "a"}, head.done());
  ground.store.remove("a", remove.done());
  ground.scheduler.advance(50s);
  CHECK_FALSE(head.result);
  ground.scheduler.advance(11s);
  CHECK(head.code() == Code::unavailable);
  CHECK(head.message().find("no connection (gave up after ") == 0);
  CHECK(head.message().find(" tries in 5") != std::string::npos);
  // Full jitter, capped at 5 s: 2.5 s each on average.
  CHECK(heads > 15);
  CHECK(heads < 80);
  CHECK_FALSE(remove.result);
  ground.scheduler.advance(240s);
  CHECK(remove.code() == Code::unavailable);
}

TEST_CASE("Retry-After is waited for") {
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_head = failing(
      tries, 1, Error(Code::unavailable, Error::Detail{.message = "x", .retry_after_ms = 4000}),
      ObjectInfo{});
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a"}, outcome.done());
  ground.scheduler.advance(3900ms);
  CHECK(tries == 1);
  ground.scheduler.advance(200ms);
  CHECK(outcome.ok());
}

TEST_CASE("Waits differ from call to call and grow") {
  RetryingGround ground;
  std::vector<Scheduler::Time> times;
  ground.inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) {
    times.push_back(ground.scheduler.now());
    done(Error(Code::unavailable, "x"));
  };
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a"}, outcome.done());
  ground.scheduler.advance(70s);
  REQUIRE(times.size() > 6);
  CHECK(times[1] - times[0] <= 50ms);
  CHECK(times[2] - times[1] <= 100ms);
  CHECK(times[3] - times[2] <= 200ms);
  CHECK(times.back() - times[5] > 5s);
}

TEST_CASE("An answer that keeps contradicting itself is believed soon") {
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_list = failing(tries, 100, Error(Code::corrupt, "malformed XML"), ListPage{});
  Outcome<ListPage> outcome;
  ground.store.list({.prefix = "a"}, outcome.done());
  ground.scheduler.advance(5s);
  CHECK(outcome.code() == Code::corrupt);
  CHECK(tries == 4);
}

TEST_CASE("Cancelling ends a wait at once, from a thread that never runs the Done itself") {
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_head = failing(tries, 100, Error(Code::unavailable, "x"), ObjectInfo{});
  std::stop_source stop;
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a", .cancel = stop.get_token()}, outcome.done());
  ground.scheduler.advance(10s);
  REQUIRE_FALSE(outcome.result);
  stop.request_stop();
  CHECK_FALSE(outcome.result);
  const int before = tries;
  ground.scheduler.run();
  CHECK(outcome.code() == Code::cancelled);
  ground.scheduler.advance(60s);
  CHECK(tries == before);
  CHECK(outcome.calls == 1);
}

TEST_CASE("A request that was cancelled before is not sent") {
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_head = failing(tries, 0, Error(Code::internal), ObjectInfo{});
  std::stop_source stop;
  stop.request_stop();
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a", .cancel = stop.get_token()}, outcome.done());
  ground.scheduler.run();
  CHECK(outcome.code() == Code::cancelled);
  CHECK(outcome.calls == 1);
  CHECK(tries == 0);
}

TEST_CASE("The try at work sees the cancellation") {
  RetryingGround ground;
  std::stop_token seen;
  Done<ObjectInfo> pending;
  ground.inner.on_head = [&](HeadRequest request, Done<ObjectInfo> done) {
    seen = request.cancel;
    pending = std::move(done);
  };
  std::stop_source stop;
  Outcome<ObjectInfo> outcome;
  ground.store.head({.key = "a", .cancel = stop.get_token()}, outcome.done());
  stop.request_stop();
  CHECK(seen.stop_requested());
  pending(Error(Code::cancelled, "stopped"));
  CHECK(outcome.code() == Code::cancelled);
}

TEST_CASE("A listing with patience ends by then, even in the middle of a try") {
  RetryingGround ground;
  Done<ListPage> pending;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  ground.inner.on_list = [&](ListRequest request, Done<ListPage> done) {
    pending = std::move(done);
    on_stop.emplace(request.cancel, [&] {
      ground.scheduler.post([&] { pending(Error(Code::cancelled, "stopped")); });
    });
  };
  Outcome<ListPage> outcome;
  ground.store.list({.prefix = "", .patience = 15s}, outcome.done());
  ground.scheduler.advance(14s);
  CHECK_FALSE(outcome.result);
  ground.scheduler.advance(2s);
  CHECK(outcome.code() == Code::timed_out);
  CHECK(outcome.message().find("does not answer (gave up after 1 try in 15.0 s)") !=
        std::string::npos);
}

TEST_CASE("A listing with patience reports the failure that it met, not its own end") {
  RetryingGround ground;
  int tries = 0;
  ground.inner.on_list =
      failing(tries, 100, Error(Code::unavailable, "nothing listens"), ListPage{});
  Outcome<ListPage> outcome;
  ground.store.list({.prefix = "", .patience = 15s}, outcome.done());
  ground.scheduler.advance(6s);
  CHECK(outcome.code() == Code::unavailable);
  CHECK(outcome.message().find("nothing listens") == 0);
}

TEST_CASE("One refusal slows the requests of all callers down") {
  RetryingGround ground;
  bool slow = true;
  int at_work = 0;
  int most = 0;
  std::vector<Done<ObjectInfo>> pending;
  ground.inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) {
    most = std::max(most, ++at_work);
    pending.push_back(std::move(done));
  };
  std::vector<Outcome<ObjectInfo>> outcomes(16);
  for (auto& outcome : outcomes) ground.store.head({.key = "a"}, outcome.done());
  CHECK(most == 16);
  const auto answer_all = [&] {
    for (auto& done : std::exchange(pending, {})) {
      --at_work;
      slow ? done(Error(Code::throttled, "SlowDown")) : done(ObjectInfo{});
    }
  };
  answer_all();
  most = 0;
  for (int i = 0; i < 200; ++i) {
    ground.scheduler.advance(5ms);
    if (i == 40) slow = false;
    if (i >= 40 && i % 10 == 0) answer_all();
  }
  CHECK(most > 0);
  CHECK(most < 16);
  for (int i = 0; i < 400; ++i) {
    ground.scheduler.advance(10ms);
    answer_all();
  }
  for (const auto& outcome : outcomes) CHECK(outcome.ok());
}

TEST_CASE("Deleting many repeats only the keys that may work the next time") {
  RetryingGround ground;
  std::vector<std::vector<std::string>> asked;
  ground.inner.on_remove_many = [&](std::vector<std::string> keys,
                                    Done<std::vector<DeleteFailure>> done) {
    asked.push_back(keys);
    if (asked.size() == 1) {
      return done(std::vector<DeleteFailure>{{"b", Error(Code::unavailable, "InternalError")},
                                             {"c", Error(Code::access_denied, "no")}});
    }
    done(std::vector<DeleteFailure>{});
  };
  Outcome<std::vector<DeleteFailure>> outcome;
  ground.store.remove_many({"a", "b", "c"}, outcome.done());
  ground.scheduler.advance(1s);
  REQUIRE(outcome.ok());
  REQUIRE(asked.size() == 2);
  CHECK(asked[1] == std::vector<std::string>{"b"});
  REQUIRE((*outcome.result)->size() == 1);
  CHECK((*outcome.result)->front().key == "c");
}

TEST_CASE("Keys that never could be deleted are named at the end") {
  RetryingGround ground;
  ground.inner.on_remove_many = [&](const std::vector<std::string>& keys,
                                    Done<std::vector<DeleteFailure>> done) {
    std::vector<DeleteFailure> failures;
    for (const auto& key : keys)
      failures.push_back({key, Error(Code::unavailable, "InternalError")});
    done(std::move(failures));
  };
  Outcome<std::vector<DeleteFailure>> outcome;
  ground.store.remove_many({"a", "b"}, outcome.done());
  ground.scheduler.advance(301s);
  REQUIRE(outcome.ok());
  CHECK((*outcome.result)->size() == 2);
}

TEST_CASE("Every other operation is repeated as well") {
  RetryingGround ground;
  const Error error(Code::unavailable, "x");
  int tries = 0;
  ground.inner.on_put = failing(tries, 1, error, ObjectInfo{});
  ground.inner.on_copy = failing(tries, 1, error, ObjectInfo{});
  ground.inner.on_create = failing(tries, 1, error, std::string("id"));
  ground.inner.on_part = failing(tries, 1, error, CompletedPart{});
  ground.inner.on_part_copy = failing(tries, 1, error, CompletedPart{});
  ground.inner.on_uploads = failing(tries, 1, error, std::vector<UploadInfo>{});
  ground.inner.on_parts = [&](const std::string&, const std::string&,
                              Done<std::vector<CompletedPart>> done) {
    ++tries == 1 ? done(error) : done(std::vector<CompletedPart>{});
  };
  ground.inner.on_abort = [&](const std::string&, const std::string&, Done<void> done) {
    ++tries == 1 ? done(error) : done(Result<void>());
  };
  const auto repeated = [&](auto start) {
    tries = 0;
    start();
    ground.scheduler.advance(1s);
    return tries == 2;
  };
  Outcome<ObjectInfo> info;
  Outcome<std::string> id;
  Outcome<CompletedPart> part;
  Outcome<std::vector<CompletedPart>> parts;
  Outcome<std::vector<UploadInfo>> uploads;
  Outcome<void> nothing;
  CHECK(repeated([&] { ground.store.put({.key = "a"}, info.done()); }));
  CHECK(repeated([&] { ground.store.copy({.source = "a", .target = "b"}, info.done()); }));
  CHECK(repeated([&] { ground.store.create_upload({.key = "a"}, id.done()); }));
  CHECK(
      repeated([&] { ground.store.upload_part({.key = "a", .body = body_of("x")}, part.done()); }));
  CHECK(repeated([&] { ground.store.upload_part_copy({.key = "a"}, part.done()); }));
  CHECK(repeated([&] { ground.store.list_parts("a", "id", parts.done()); }));
  CHECK(repeated([&] { ground.store.list_uploads("a", uploads.done()); }));
  CHECK(repeated([&] { ground.store.abort_upload("a", "id", nothing.done()); }));
  CHECK((info.ok() && id.ok() && part.ok() && parts.ok() && uploads.ok() && nothing.ok()));
}

TEST_CASE("Closing the store ends what waits and waits for what is at work") {
  WorkerPool pool("test", 2);
  test::ScriptedStore inner;
  std::atomic<int> sent{0};
  inner.on_remove = [&](const std::string& key, Done<void> done) {
    ++sent;
    if (key == "waits")
      return done(
          Error(Code::unavailable, Error::Detail{.message = "x", .retry_after_ms = 20'000}));
    pool.post_after(50ms, [done = std::move(done)]() mutable { done(Result<void>()); });
  };
  std::atomic<int> cancelled{0};
  std::atomic<int> succeeded{0};
  const auto count = [&](Result<void> result) {
    if (result.has_value()) ++succeeded;
    if (!result.has_value() && result.code() == Code::cancelled) ++cancelled;
  };
  {
    RetryingStore store(inner, pool, RetryPolicy{}, 1, Log::none());
    for (int i = 0; i < 20; ++i) store.remove(i % 2 == 0 ? "waits" : "works", count);
  }
  CHECK(sent == 20);
  CHECK(cancelled == 10);
  CHECK(succeeded == 10);
}

TEST_CASE("Closing a store that asks to slow down leaves nothing behind") {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  inner.on_head = [](const HeadRequest&, Done<ObjectInfo> done) {
    done(Error(Code::throttled, "SlowDown"));
  };
  auto log = Log::none();
  const std::weak_ptr<Log> kept = log;
  std::vector<Outcome<ObjectInfo>> outcomes(3);
  {
    RetryingStore store(inner, scheduler, RetryPolicy{}, 1, std::move(log));
    for (auto& outcome : outcomes) store.head({.key = "a"}, outcome.done());
  }
  for (const auto& outcome : outcomes) CHECK(outcome.code() == Code::cancelled);
  CHECK(kept.expired());
}

TEST_CASE("Many threads call, cancel and close without losing an answer") {
  WorkerPool pool("test", 3);
  test::ScriptedStore inner;
  std::atomic<uint64_t> turn{0};
  inner.on_head = [&](const HeadRequest&, Done<ObjectInfo> done) {
    pool.post([&turn, done = std::move(done)]() mutable {
      const uint64_t n = ++turn;
      if (n % 5 == 0) return done(Error(Code::throttled, "SlowDown"));
      if (n % 7 == 0) return done(Error(Code::unavailable, "x"));
      done(ObjectInfo{});
    });
  };
  std::atomic<int> answers{0};
  constexpr int calls = 200;
  {
    RetryPolicy quick;
    quick.first_backoff = 1ms;
    quick.max_backoff = 4ms;
    RetryingStore store(inner, pool, quick, 1, Log::none());
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < calls; ++i) {
          std::stop_source stop;
          store.head({.key = "a", .cancel = stop.get_token()},
                     [&](Result<ObjectInfo>) { ++answers; });
          if (i % 10 == 0) stop.request_stop();
        }
      });
    }
  }
  CHECK(answers == 4 * calls);
}

}  // namespace
}  // namespace penstock
