// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "data/upload_registry.h"
#include "data/write/write_engine.h"
#include "support/catch.h"
#include "support/faulty_store.h"
#include "support/manual_scheduler.h"
#include "support/memory_store.h"
#include "support/sizes.h"

namespace penstock::test {

/// Parts are as small as this in these tests, and so is the largest single PUT.
constexpr uint64_t part = 64 * kib;

/// Remembers what is unfinished, as the registry on disk does.
struct OpenUploads final : UploadRegistry {
  void added(const std::string&, const std::string& id) override { ids.insert(id); }
  void ended(const std::string&, const std::string& id) override { ids.erase(id); }
  std::set<std::string> ids;
};

/// One engine over a store in memory. Nothing happens until run().
struct WriteFixture {
  explicit WriteFixture(uint64_t memory_limit = 64 * mib, uint32_t parts_in_flight = 8,
                        uint64_t first_part = part, std::string staging_dir = "")
      : budget(memory_limit) {
    WriteOptions options;
    options.single_put_size = first_part;
    options.parts_in_flight = parts_in_flight;
    options.staging_dir = std::move(staging_dir);
    engine = make_write_engine({store, budget, pool, scheduler, Log::none(), uploads}, options);
  }

  /// What files that went with the test have still to give up.
  ~WriteFixture() { run(); }

  std::shared_ptr<FileWriter> create(const std::string& key, Metadata metadata = {}) {
    return engine->open({.key = key}, std::nullopt, std::move(metadata));
  }
  std::shared_ptr<FileWriter> create_exclusively(const std::string& key) {
    return engine->open({.key = key, .exclusive = true}, std::nullopt, {});
  }
  std::shared_ptr<FileWriter> edit(const std::string& key) {
    return engine->open({.key = key}, WriteBase{*memory.info(key)}, {});
  }

  void run() { scheduler.advance(std::chrono::milliseconds(1)); }

  /// A call under way: its result once it is there.
  template <typename T>
  using Pending = std::shared_ptr<std::optional<Result<T>>>;
  template <typename T, typename F>
  Pending<T> begin(F&& start) {
    auto pending = std::make_shared<std::optional<Result<T>>>();
    start(Done<T>([pending](Result<T> result) {
      REQUIRE_FALSE(pending->has_value());
      *pending = std::move(result);
    }));
    return pending;
  }
  template <typename T, typename F>
  Result<T> finish(F&& start) {
    const Pending<T> pending = begin<T>(std::forward<F>(start));
    run();
    REQUIRE(pending->has_value());
    return *std::move(*pending);
  }

  Pending<void> begin_write(FileWriter& file, uint64_t offset, std::string_view bytes) {
    return begin<void>([&](Done<void> done) {
      file.write(offset, std::as_bytes(std::span(bytes)), std::move(done));
    });
  }
  Result<void> write(FileWriter& file, uint64_t offset, std::string_view bytes) {
    const Pending<void> pending = begin_write(file, offset, bytes);
    run();
    REQUIRE(pending->has_value());
    return *std::move(*pending);
  }
  Result<uint64_t> append(FileWriter& file, std::string_view bytes) {
    return finish<uint64_t>([&](Done<uint64_t> done) {
      file.append(std::as_bytes(std::span(bytes)), std::move(done));
    });
  }
  Result<void> truncate(FileWriter& file, uint64_t size) {
    return finish<void>([&](Done<void> done) { file.truncate(size, std::move(done)); });
  }
  /// As a close does where no promise keeps the contents.
  Pending<ObjectInfo> begin_commit(FileWriter& file, NextObject request = {}) {
    file.persist(std::move(request), [](const Result<bool>& kept) { CHECK_FALSE(kept.value()); });
    return begin<ObjectInfo>([&](Done<ObjectInfo> done) { file.commit(std::move(done)); });
  }
  Result<ObjectInfo> commit(FileWriter& file, NextObject request = {}) {
    const Pending<ObjectInfo> pending = begin_commit(file, std::move(request));
    run();
    REQUIRE(pending->has_value());
    return *std::move(*pending);
  }
  Result<std::string> read(FileWriter& file, uint64_t offset, uint64_t length) {
    Result<Slices> slices = finish<Slices>([&](Done<Slices> done) {
      file.read({offset, length}, {}, std::move(done));
    });
    if (!slices) return slices.error();
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  std::string stored(const std::string& key) const {
    return memory.contents(key).value_or("(none)");
  }

  /// Lets go of the file; afterwards nothing of it may be left anywhere.
  void close(std::shared_ptr<FileWriter>& file) {
    file.reset();
    run();
    CHECK(budget.used() == 0);
    CHECK(memory.unfinished_uploads().empty());
    CHECK(uploads.ids.empty());
  }

  static MemoryStoreOptions small_parts(Scheduler& scheduler) {
    MemoryStoreOptions options;
    options.limits.min_part_size = part;
    options.scheduler = &scheduler;
    return options;
  }

  ManualScheduler scheduler;
  MemoryStore memory{small_parts(scheduler)};
  FaultyStore store{memory};
  MemoryBudget budget;
  BufferPool pool{8 * mib};
  OpenUploads uploads;
  std::unique_ptr<DirectWriteEngine> engine;
};

/// `size` bytes that differ from place to place and for each seed.
inline std::string pattern(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

}  // namespace penstock::test
