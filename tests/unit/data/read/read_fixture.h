// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/read/read_engine.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"
#include "support/sizes.h"
#include "unit/data/read/scripted_store.h"

namespace penstock::test {

/// What became of one read.
struct Reply {
  std::optional<Result<Slices>> result;

  bool arrived() const { return result.has_value(); }
  bool good() const { return result && result->has_value(); }
  Code code() const { return result->code(); }
  /// It is the bytes of `range`, and nothing else.
  bool is(ByteRange range) const {
    if (!good()) return false;
    std::vector<std::byte> bytes;
    for (const auto& span : result->value().spans)
      bytes.insert(bytes.end(), span.begin(), span.end());
    return bytes == bytes_at(range.offset, range.length);
  }
};

/// One engine on a scripted store with one object size.
struct ReadFixture {
  explicit ReadFixture(uint64_t object_size, uint64_t memory = 256 * mib)
      : size(object_size), budget(memory), pool(64 * mib), store(object_size) {
    engine = make_read_engine({store, budget, pool, scheduler, Log::none()}, ReadOptions{});
  }

  std::shared_ptr<ObjectReader> open(std::function<void(const ObjectInfo&)> learned = nullptr) {
    return engine->open(ObjectVersion{"key", "v1", size}, std::move(learned));
  }
  static std::shared_ptr<Reply> read(ObjectReader& reader, uint64_t offset, uint64_t length,
                                     std::stop_token cancel = {}) {
    auto reply = std::make_shared<Reply>();
    reader.read({offset, length}, cancel, [reply](Result<Slices> result) {
      REQUIRE_FALSE(reply->result);
      reply->result = std::move(result);
    });
    return reply;
  }
  /// Reads, serving whatever is asked for, and checks the bytes.
  void read_well(ObjectReader& reader, uint64_t offset, uint64_t length) {
    const auto reply = read(reader, offset, length);
    for (size_t i = served; i < store.gets.size(); ++i) store.serve(i);
    served = store.gets.size();
    scheduler.run();
    REQUIRE(reply->arrived());
    REQUIRE(reply->is({offset, length}));
  }
  std::vector<ByteRange> ranges(size_t from = 0) const {
    std::vector<ByteRange> all;
    for (size_t i = from; i < store.gets.size(); ++i) all.push_back(store.gets[i]->range);
    return all;
  }
  uint64_t fetched(size_t from = 0) const {
    uint64_t sum = 0;
    for (const ByteRange& range : ranges(from)) sum += range.length;
    return sum;
  }

  const uint64_t size;
  ManualScheduler scheduler;
  MemoryBudget budget;
  BufferPool pool;
  ScriptedStore store;
  std::unique_ptr<ReadEngine> engine;
  size_t served = 0;
};

}  // namespace penstock::test
