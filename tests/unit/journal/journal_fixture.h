// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "journal/journal.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/faulty_disk.h"
#include "support/manual_scheduler.h"
#include "support/temp_dir.h"

namespace penstock::test {

using Bytes = std::vector<std::byte>;

inline Bytes random_bytes(uint64_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

/// A journal on a disk, with a scheduler that a test turns.
struct TestJournal {
  explicit TestJournal(const std::string& where,
                       std::shared_ptr<Disk> disk = std::make_shared<FaultyDisk>(),
                       const std::string& prefix = "p/")
      : directory(where),
        opened(Journal::open({.directory = directory, .identity = "s3://bucket", .prefix = prefix},
                             left, scheduler, Log::none(), std::move(disk))) {}

  Journal* operator->() { return opened.value().get(); }
  Journal& operator*() { return *opened.value(); }

  Result<void> record(JournalState state) {
    return await<void>([&](Done<void> done) {
      opened.value()->record(std::move(state), std::move(done));
      scheduler.run();
    });
  }
  Result<void> forget(uint64_t file) {
    return await<void>([&](Done<void> done) {
      opened.value()->forget(file, std::move(done));
      scheduler.run();
    });
  }

  const std::string directory;
  ManualScheduler scheduler;
  Journal::Left left;
  Result<std::unique_ptr<Journal>> opened;
};

/// A state of one piece.
inline JournalState state_of(uint64_t file, std::string key,
                             std::shared_ptr<const JournalPiece> piece) {
  JournalState state{.file = file, .key = std::move(key), .size = piece->length};
  state.ranges.push_back(
      {.kind = JournalRange::Kind::piece, .length = piece->length, .piece = piece});
  return state;
}

/// The bytes of a state, holes and the base as zeros.
inline Bytes content(const Journal& journal, const JournalState& state) {
  Bytes bytes(state.size);
  for (const JournalRange& range : state.ranges) {
    if (range.kind != JournalRange::Kind::piece) continue;
    const auto out = std::span(bytes).subspan(range.offset, range.length);
    REQUIRE(journal.read(*range.piece, range.skip, out).has_value());
  }
  return bytes;
}

/// Appends `bytes` and records them as all of the file.
inline Result<void> store(TestJournal& journal, uint64_t file, const std::string& key,
                          const Bytes& bytes) {
  auto piece = journal->append(bytes);
  if (!piece) return piece.error();
  return journal.record(state_of(file, key, *piece));
}

/// The folder of the only journal in a directory.
inline std::string only_folder(const std::string& directory) {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    CHECK(found.empty());
    found = entry.path().string();
  }
  return found;
}

/// The log of the only journal, which was never renewed.
inline std::string journal_log(const TestJournal& journal) {
  return only_folder(journal.directory) + "/log-1";
}

/// Fails the calls of one kind while `error` is not 0, and counts them.
struct Failing {
  std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
  std::atomic<int> error{0};
  std::atomic<uint64_t> calls{0};

  explicit Failing(DiskCall which) {
    disk->decide([this, which](DiskCall call, uint64_t) -> int {
      if (call != which) return 0;
      ++calls;
      return -error;
    });
  }
};

}  // namespace penstock::test
