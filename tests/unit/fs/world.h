// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "data/read/read_engine.h"
#include "data/upload_registry.h"
#include "data/write/write_engine.h"
#include "fs/make_file_system.h"
#include "support/catch.h"
#include "support/faulty_store.h"
#include "support/manual_scheduler.h"
#include "support/memory_store.h"

namespace penstock::test {

using std::chrono::milliseconds;

/// The age of what a World's bucket is given: a mount believes such objects for its whole TTL.
constexpr std::chrono::hours old{24 * 365};

struct NoUploads final : UploadRegistry {
  void added(const std::string&, const std::string&) override {}
  void ended(const std::string&, const std::string&) override {}
};

/// A whole mount but for the kernel. Answers come when the scheduler runs, or are held by the
/// FaultyStore.
struct World {
  explicit World(MetadataOptions metadata = {.ttl = milliseconds(10'000)}, std::string prefix = "",
                 MountIdentity identity = {}, MemoryStore* bucket = nullptr,
                 bool ordered_listings = true, DiskCache* cache = nullptr)
      : store(bucket != nullptr ? *bucket : memory),
        reads(make_read_engine({store, budget, buffers, scheduler, log, cache}, {})) {
    memory.turn_clock(-old);
    MountOptions mount;
    file_system = make_file_system({.store = store,
                                    .reads = *reads,
                                    .writes = *writes,
                                    .copier = copier,
                                    .scheduler = scheduler,
                                    .notifier = scheduler,
                                    .log = log,
                                    .identity = std::move(identity),
                                    .ordered_listings = ordered_listings},
                                   std::move(prefix), mount, metadata);
  }

  /// Files that go with the file system have something to give up.
  ~World() {
    file_system.reset();
    scheduler.advance(milliseconds(1));
  }

  /// Runs an operation to its end.
  template <typename T, typename F>
  Result<T> run(F&& start) {
    std::optional<Result<T>> result;
    start(Done<T>([&result](Result<T> answer) { result = std::move(answer); }));
    for (int i = 0; i < 100 && !result; ++i) scheduler.advance(milliseconds(1));
    REQUIRE(result);
    return *std::move(result);
  }

  /// The kernel refers to what it finds from then on.
  Result<Entry> lookup(InodeId parent, const std::string& name) {
    return run<Entry>(
        [&](Done<Entry> done) { file_system->lookup(parent, name, std::move(done)); });
  }
  InodeId inode(const std::string& name) {
    return lookup(root_inode, name).value().attributes.inode;
  }

  std::set<std::string> list(InodeId directory) {
    const HandleId handle = run<HandleId>([&](Done<HandleId> done) {
                              file_system->open_directory(directory, std::move(done));
                            }).value();
    std::set<std::string> names;
    uint64_t cookie = 0;
    while (true) {
      const auto entries = run<std::vector<DirectoryEntry>>([&](auto done) {
        file_system->read_directory({.handle = handle, .cookie = cookie, .max_entries = 7},
                                    std::move(done));
      });
      REQUIRE(entries);
      if (entries->empty()) break;
      for (const DirectoryEntry& entry : *entries) names.insert(entry.name);
      cookie = entries->back().next_cookie;
    }
    file_system->release_directory(handle);
    names.erase(".");
    names.erase("..");
    return names;
  }

  Result<Created> create(InodeId parent, const std::string& name) {
    return run<Created>([&](Done<Created> done) {
      file_system->create(parent, name, 0644, {.write = true}, false, {}, std::move(done));
    });
  }
  Result<void> write_and_close(HandleId handle, const std::string& bytes) {
    const Result<void> written = run<void>([&](Done<void> done) {
      file_system->write(handle, {.offset = 0},
                         std::as_bytes(std::span(bytes.data(), bytes.size())), std::move(done));
    });
    const Result<void> flushed =
        written
            ? run<void>([&](Done<void> done) { file_system->flush(handle, {}, std::move(done)); })
            : written;
    file_system->release(handle);
    scheduler.advance(milliseconds(1));
    return flushed;
  }

  ManualScheduler scheduler;
  MemoryStore memory;  ///< The bucket, unless it is shared with others.
  FaultyStore store;
  MemoryBudget budget{64ULL << 20};
  BufferPool buffers{8ULL << 20};
  std::shared_ptr<Log> log = Log::none();
  NoUploads uploads;
  ObjectCopier copier{store, uploads};
  std::unique_ptr<ReadEngine> reads;
  std::unique_ptr<WriteEngine> writes =
      make_write_engine({store, budget, buffers, scheduler, log, uploads}, {});
  std::unique_ptr<MountedFileSystem> file_system;
};

}  // namespace penstock::test
