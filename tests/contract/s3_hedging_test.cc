// SPDX-License-Identifier: Apache-2.0
// Hedged requests over real connections, from several threads: each answer is whole, and told once.
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/worker_pool.h"
#include "contract/session.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/hedging_store.h"
#include "store/retrying_store.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"

namespace penstock::test {
namespace {

/// Catch2's assertions are for one thread at a time: what is wrong shows in the bytes.
struct Collected final : BodySink {
  bool write(uint64_t offset, std::span<const std::byte> more) noexcept override {
    if (offset != bytes.size()) return false;
    bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
    return true;
  }
  std::string bytes;
};

}  // namespace

TEST_CASE("answers that are late are asked for again, each object is whole and told once") {
  constexpr int readers = 8;
  constexpr int rounds = 60;
  ServerOptions options;
  options.first_byte = std::chrono::milliseconds(2);
  options.tail_latency = std::chrono::milliseconds(100);
  options.tail_probability = 0.05;
  TestServer server(options);
  const auto s3 =
      S3Store::create({.bucket = "test", .endpoint = server.endpoint(), .region = "us-east-1"},
                      std::make_shared<FixedCredentials>(),
                      std::make_shared<HttpClient>(HttpOptions{}), Log::none())
          .value();
  WorkerPool pool("hedges", 2);
  const auto metrics = std::make_shared<StoreMetrics>();
  HedgingStore hedging(*s3, pool, metrics);
  RetryingStore retrying(hedging, pool, RetryPolicy{}, 1, Log::none(), metrics);
  std::vector<std::string> bytes;
  for (int i = 0; i < readers; ++i) {
    bytes.push_back(pattern(50'000 + static_cast<size_t>(i), static_cast<uint32_t>(i)));
    server.put_object("test", std::to_string(i), bytes.back());
  }
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < readers; ++i) {
      threads.emplace_back([&, i] {
        Session session("s3", retrying);
        const std::string key = std::to_string(i);
        for (int round = 0; round < rounds; ++round) {
          const auto sink = std::make_shared<Collected>();
          const auto got = await<ObjectInfo>(
              [&](auto done) { retrying.get({.key = key, .sink = sink}, std::move(done)); });
          if (!got || sink->bytes != bytes[static_cast<size_t>(i)]) ++wrong;
          const Result<ObjectInfo> head = session.head(key);
          if (!head || head->size != bytes[static_cast<size_t>(i)].size()) ++wrong;
          if (outcome(session.head("none")) != "not_found") ++wrong;
        }
      });
    }
  }
  CHECK(wrong == 0);
  const auto hedged = [&](StoreRequest kind) { return metrics->of(kind).hedged.value(); };
  CHECK(hedged(StoreRequest::get) > 0);
  CHECK(hedged(StoreRequest::head) > 0);
  // One in twenty, and the ten that may follow a while without.
  CHECK(hedged(StoreRequest::get) + hedged(StoreRequest::head) <= 3 * readers * rounds / 20 + 10);
}

}  // namespace penstock::test
