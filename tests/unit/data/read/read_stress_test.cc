// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstring>
#include <future>
#include <random>
#include <string>
#include <thread>

#include "base/worker_pool.h"
#include "data/read/read_engine.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/memory_store.h"
#include "support/sizes.h"
#include "unit/data/read/scripted_store.h"

// Many threads, a store that answers from threads of its own, and little memory: for the
// sanitizers.
namespace penstock::test {
namespace {

constexpr uint64_t object_size = 24 * mib;

struct Stress {
  explicit Stress(uint64_t memory) : budget(memory) {
    const std::vector<std::byte> bytes = bytes_at(0, object_size);
    for (const char* key : {"a", "b"}) {
      store.set(key, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    engine = make_read_engine({store, budget, pool, workers, Log::none()}, ReadOptions{});
  }

  std::shared_ptr<ObjectReader> open(const std::string& key) {
    return engine->open(ObjectVersion{key, store.info(key)->etag, object_size}, nullptr);
  }
  /// Reads and compares; a failure is the read's code.
  static std::optional<Code> read(ObjectReader& reader, ByteRange range,
                                  std::stop_token cancel = {}) {
    const Result<Slices> result =
        await<Slices>([&](auto done) { reader.read(range, cancel, std::move(done)); });
    if (!result.has_value()) return result.code();
    uint64_t at = range.offset;
    for (const auto& span : result.value().spans) {
      for (const size_t probe : {size_t{0}, span.size() / 2, span.size() - 1}) {
        if (span[probe] != byte_at(at + probe)) return Code::corrupt;
      }
      at += span.size();
    }
    if (at != range.end()) return Code::internal;
    return std::nullopt;
  }

  BufferPool pool{64 * mib};
  MemoryBudget budget;
  WorkerPool workers{"stress", 3};
  WorkerPool store_workers{"store", 2};
  MemoryStore store{MemoryStoreOptions{.scheduler = &store_workers}};
  std::unique_ptr<ReadEngine> engine;
};

void join(std::vector<std::jthread>& threads) { threads.clear(); }

TEST_CASE("many threads read one object in every way, with little memory") {
  Stress t(16 * mib);
  const std::shared_ptr<ObjectReader> readers[] = {t.open("a"), t.open("b")};
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (uint64_t thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(thread);
      ObjectReader& reader = *readers[thread % 2];
      for (uint64_t i = 0; i < 60; ++i) {
        ByteRange range{random() % (object_size - mib), 1 + random() % (256 * kib)};
        if (thread < 3) range = ByteRange{i * 256 * kib, 256 * kib};  // a stream
        if (thread == 3)
          range = ByteRange{(i * 3 * mib) % (object_size - mib), 4 * kib};  // strided
        if (Stress::read(reader, range)) ++wrong;
      }
    });
  }
  join(threads);
  CHECK(wrong == 0);
}

TEST_CASE("readers are opened, cancelled and dropped while their bytes arrive") {
  Stress t(32 * mib);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(thread);
      for (int i = 0; i < 30; ++i) {
        auto reader = t.open(i % 2 == 0 ? "a" : "b");
        std::stop_source stop;
        std::vector<std::future<Code>> answers;
        for (int r = 0; r < 4; ++r) {
          auto answer = std::make_shared<std::promise<Code>>();
          answers.push_back(answer->get_future());
          reader->read({random() % object_size / 2, 64 * kib}, stop.get_token(),
                       [answer](Result<Slices> result) {
                         answer->set_value(result.has_value() ? Code::not_found : result.code());
                       });
        }
        if (random() % 2 == 0) stop.request_stop();
        if (random() % 2 == 0) reader.reset();
        for (auto& answer : answers) {
          const Code code = answer.get();
          if (code != Code::not_found && code != Code::interrupted && code != Code::cancelled)
            ++wrong;
        }
      }
    });
  }
  join(threads);
  CHECK(wrong == 0);
}

TEST_CASE("when all is closed and settled, no memory is held") {
  Stress t(32 * mib);
  {
    const auto reader = t.open("a");
    for (uint64_t offset = 0; offset < 8 * mib; offset += mib) {
      CHECK_FALSE(Stress::read(*reader, {offset, mib}));
    }
  }
  // What was in flight ends on the store's threads.
  while (t.budget.used() != 0) std::this_thread::yield();
  SUCCEED();
}

}  // namespace
}  // namespace penstock::test
