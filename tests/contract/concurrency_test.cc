// SPDX-License-Identifier: Apache-2.0
// Many calls at once.
#include <fmt/core.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/log.h"
#include "base/worker_pool.h"
#include "contract/session.h"
#include "store/retrying_store.h"

namespace penstock::test {
namespace {

template <typename T, typename Start>
std::future<Result<T>> begin(Start&& start) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  start(Done<T>([promise](Result<T> result) { promise->set_value(std::move(result)); }));
  return future;
}

Body body_of(std::string bytes) {
  auto kept = std::make_shared<const std::string>(std::move(bytes));
  return Body{{std::as_bytes(std::span(*kept))}, kept};
}

/// Writes into its place of memory that several sinks share: each touches its own bytes only.
class PlacingSink final : public BodySink {
 public:
  explicit PlacingSink(std::span<std::byte> target) : target_(target) {}
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (offset > target_.size() || bytes.size() > target_.size() - offset) return false;
    std::copy(bytes.begin(), bytes.end(), target_.begin() + static_cast<ptrdiff_t>(offset));
    return true;
  }

 private:
  const std::span<std::byte> target_;
};

constexpr int contenders = 16;

/// Begins as many writes at once as there are contenders: which of them succeeded, nothing unless
/// it was one alone and the others were refused.
template <typename Start>
std::optional<int> only_winner(Session& store, Start&& start) {
  std::vector<std::future<Result<ObjectInfo>>> writes;
  for (int i = 0; i < contenders; ++i)
    writes.push_back(begin<ObjectInfo>([&](auto done) { start(i, std::move(done)); }));
  std::multiset<std::string> outcomes;
  int winner = 0;
  for (int i = 0; i < contenders; ++i) {
    const auto result = writes[static_cast<size_t>(i)].get();
    outcomes.insert(outcome(result));
    if (result) winner = i;
  }
  // A server may also answer "another write is under way", which is worth another try.
  const size_t refused =
      outcomes.count("already_exists") + outcomes.count("changed") + outcomes.count("unavailable");
  if (outcomes.count("ok") == 1 && refused == contenders - 1) return winner;
  for (const std::string& each : std::set<std::string>(outcomes.begin(), outcomes.end()))
    UNSCOPED_INFO(store.name() << ": " << outcomes.count(each) << " times " << each);
  return std::nullopt;
}

/// That `behaviour` holds in every round; a store that is known to fail has more of them, for it
/// may be lucky in some.
template <typename Round>
void behaves_always(Session& store, const std::string& behaviour, Round&& round) {
  store.behaves(behaviour, [&] {
    const int rounds = store.can(behaviour) ? 10 : 500;
    for (int i = 0; i < rounds; ++i) {
      if (!round(i)) return false;
    }
    return true;
  });
}

}  // namespace

TEST_CASE("of many puts to one key one wins, whole") {
  on_every_store([](Session& store) {
    std::map<ETag, std::string> versions;
    std::vector<std::string> bodies;
    std::vector<std::future<Result<ObjectInfo>>> puts;
    for (uint32_t i = 0; i < 24; ++i) {
      bodies.push_back(pattern(100'000 + i, i));
      puts.push_back(begin<ObjectInfo>([&](auto done) {
        store.store().put({.key = "contended", .body = body_of(bodies.back())}, std::move(done));
      }));
    }
    for (size_t i = 0; i < puts.size(); ++i) versions[ok(puts[i].get()).etag] = bodies[i];
    CHECK(versions.size() == bodies.size());
    const Fetched got = ok(store.get("contended"));
    REQUIRE(versions.contains(got.info.etag));
    CHECK(versions[got.info.etag] == got.bytes);
    CHECK(store.keys() == std::vector<std::string>{"contended"});
  });
}

TEST_CASE("of many exclusive puts exactly one succeeds") {
  on_every_store([](Session& store) {
    behaves_always(store, "put if-none-match at the same time", [&](int round) {
      const std::string key = fmt::format("e/xclusive-{}", round);
      const auto winner = only_winner(store, [&](int i, auto done) {
        store.store().put(
            {.key = key, .body = body_of(std::to_string(i)), .condition = {.if_none_match = true}},
            std::move(done));
      });
      return winner && ok(store.get(key)).bytes == std::to_string(*winner);
    });
  });
}

TEST_CASE("of many replacements of one version exactly one succeeds") {
  on_every_store([](Session& store) {
    behaves_always(store, "put if-match at the same time", [&](int round) {
      const ETag version = ok(store.put("object", fmt::format("base {}", round))).etag;
      const auto winner = only_winner(store, [&](int i, auto done) {
        store.store().put({.key = "object",
                           .body = body_of(std::to_string(i)),
                           .condition = {.if_match = version}},
                          std::move(done));
      });
      return winner && ok(store.get("object")).bytes == std::to_string(*winner);
    });
  });
}

TEST_CASE("of many exclusive completions exactly one succeeds") {
  on_every_store([](Session& store) {
    behaves_always(store, "complete if-none-match at the same time", [&](int round) {
      const std::string key = fmt::format("e/xclusive-{}", round);
      std::vector<CompleteUpload> uploads;
      for (int i = 0; i < contenders; ++i) {
        const std::string id = ok(store.create_upload(key));
        const CompletedPart part = ok(store.upload_part(key, id, 1, std::to_string(i)));
        uploads.push_back(
            {.key = key, .upload_id = id, .parts = {part}, .condition = {.if_none_match = true}});
      }
      const auto winner = only_winner(store, [&](int i, auto done) {
        store.store().complete_upload(uploads[static_cast<size_t>(i)], std::move(done));
      });
      for (const CompleteUpload& upload : uploads) ok(store.abort(key, upload.upload_id));
      return winner && ok(store.get(key)).bytes == std::to_string(*winner);
    });
  });
}

TEST_CASE("of many exclusive copies exactly one succeeds") {
  on_every_store([](Session& store) {
    for (int i = 0; i < contenders; ++i) ok(store.put(std::to_string(i), std::to_string(i)));
    behaves_always(store, "copy if-none-match at the same time", [&](int round) {
      const std::string key = fmt::format("e/xclusive-{}", round);
      const auto winner = only_winner(store, [&](int i, auto done) {
        store.store().copy(
            {.source = std::to_string(i), .target = key, .condition = {.if_none_match = true}},
            std::move(done));
      });
      return winner && ok(store.get(key)).bytes == std::to_string(*winner);
    });
  });
}

TEST_CASE("objects come and go in one folder at the same time") {
  on_every_store([](Session& store) {
    // With the repetitions that every mount has: s3proxy keeps a folder of a file system for the
    // keys, removes it with the last object in it, and answers 500 to a PUT that finds it gone in
    // between.
    WorkerPool pool("again", 1);
    RetryingStore retrying(store.store(), pool, RetryPolicy{}, 1, Log::none());
    std::vector<std::future<Result<ObjectInfo>>> puts;
    std::vector<std::future<Result<void>>> removals;
    for (int round = 0; round < 8; ++round) {
      for (int i = 0; i < 16; ++i) {
        puts.push_back(begin<ObjectInfo>([&](auto done) {
          retrying.put({.key = fmt::format("busy/folder/{}-{}", round, i)}, std::move(done));
        }));
        removals.push_back(begin<void>([&](auto done) {
          retrying.remove(fmt::format("busy/folder/{}-{}", round - 1, i), std::move(done));
        }));
      }
      for (auto& put : puts) ok(put.get());
      for (auto& removal : removals) ok(removal.get());
      puts.clear();
      removals.clear();
      CHECK(store.keys("busy/").size() == 16);
    }
  });
}

TEST_CASE("20 MiB arrive by ranges in parallel") {
  on_every_store([](Session& store) {
    constexpr size_t size = 20 << 20;
    constexpr size_t range = 1'300'000;
    const std::string bytes = pattern(size);
    const ObjectInfo put = ok(store.put("large", bytes));
    std::string got(size, '\0');
    const auto target = std::as_writable_bytes(std::span(got));
    std::vector<std::future<Result<ObjectInfo>>> gets;
    for (size_t at = 0; at < size; at += range) {
      gets.push_back(begin<ObjectInfo>([&](auto done) {
        store.store().get({.key = "large",
                           .range = ByteRange{at, std::min(range, size - at)},
                           .if_match = put.etag,
                           .sink = std::make_shared<PlacingSink>(target),
                           .cancel = {}},
                          std::move(done));
      }));
    }
    for (auto& get : gets) CHECK(ok(get.get()).etag == put.etag);
    CHECK((got == bytes));
  });
}

}  // namespace penstock::test
