// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/file_upload.h"

#include <atomic>
#include <semaphore>

#include "base/worker_pool.h"
#include "data/write_back/journal_uploads.h"
#include "unit/data/write/write_fixture.h"
#include "unit/journal/journal_fixture.h"

namespace penstock::test {
namespace {

/// A journal on the disk, a store in memory, and threads that work for both.
struct UploadFixture {
  UploadFixture() {
    auto opened = Journal::open(
        {.directory = folder.path(), .identity = "memory", .prefix = "", .make_room = {}}, left,
        pool, Log::none());
    REQUIRE(opened);
    journal = std::move(*opened);
    WriteOptions options;
    options.single_put_size = part;
    engine = make_write_engine({memory, budget, buffers, pool, Log::none(), uploads}, options);
    copier = std::make_unique<ObjectCopier>(memory, uploads);
    core = std::make_unique<WriteBackCore>(
        WriteBackParts{*engine, *journal, memory, *copier, pool, Log::none()});
  }

  ~UploadFixture() { core->gate.wait(); }

  /// `bytes` in the journal, as what a file has from `offset` on.
  JournalRange piece(uint64_t offset, std::string_view bytes) {
    auto stored = journal->append(std::as_bytes(std::span(bytes)));
    REQUIRE(stored);
    return {.kind = JournalRange::Kind::piece,
            .offset = offset,
            .length = bytes.size(),
            .piece = std::move(*stored)};
  }
  std::shared_ptr<FileUpload> begin(const std::string& key) {
    return std::make_shared<FileUpload>(
        *core, engine->begin(
                   key, std::nullopt, {},
                   std::make_shared<JournalUploads>(*journal, journal->new_file(), std::nullopt)));
  }

  TempDir folder;
  WorkerPool pool{"test", 4};
  MemoryStore memory{WriteFixture::small_parts(pool)};
  MemoryBudget budget{64 * mib};
  BufferPool buffers{8 * mib};
  Journal::Left left;
  std::unique_ptr<Journal> journal;
  OpenUploads uploads;
  std::unique_ptr<DirectWriteEngine> engine;
  std::unique_ptr<ObjectCopier> copier;
  std::unique_ptr<WriteBackCore> core;
};

/// The result of a finish that must be answered once.
class Finished {
 public:
  Done<ObjectInfo> done() {
    return [this](Result<ObjectInfo> result) {
      ++answers_;
      result_ = std::move(result);
      ended_.release();
    };
  }
  const Result<ObjectInfo>& wait() {
    ended_.acquire();
    return *result_;
  }
  int answers() const { return answers_; }

 private:
  std::binary_semaphore ended_{0};
  std::atomic<int> answers_{0};
  std::optional<Result<ObjectInfo>> result_;
};

TEST_CASE("pieces of any size become the object, whole blocks and what is left of them") {
  UploadFixture fixture;
  std::string bytes = pattern(5 * part + 4321);
  const auto upload = fixture.begin("k");
  // Small ones, one over the ends of several blocks, one written over by a later one.
  const std::vector<uint64_t> sizes = {1, 4095, 60'000, part - 1, 2 * part, part / 2};
  uint64_t at = 0;
  std::vector<JournalRange> ranges;
  for (const uint64_t size : sizes) {
    ranges.push_back(fixture.piece(at, std::string_view(bytes).substr(at, size)));
    at += size;
  }
  ranges.push_back(fixture.piece(at, std::string_view(bytes).substr(at)));
  upload->feed(std::move(ranges));
  const std::string over = pattern(part, 7);
  std::vector<JournalRange> again;
  again.push_back(fixture.piece(0, over));
  upload->feed(std::move(again));
  bytes.replace(0, part, over);
  upload->resize(bytes.size());
  Finished finished;
  upload->finish({}, finished.done());
  const Result<ObjectInfo>& info = finished.wait();
  REQUIRE(info);
  CHECK(info->size == bytes.size());
  CHECK(fixture.memory.contents("k") == bytes);
}

TEST_CASE("contents are fed but for what the store has, and the first part comes last") {
  UploadFixture fixture;
  std::string bytes = pattern(6 * part + 77);
  ContentMap contents;
  contents.assign(0, fixture.piece(0, bytes).piece, 1);
  contents.punch({4 * part, 100}, 1);
  bytes.replace(4 * part, 100, 100, '\0');
  const auto upload = fixture.begin("k");
  // As if these had been sent before.
  upload->feed(contents.ranges({part, 2 * part}));
  upload->feed_contents(contents, {{part, 2 * part}}, false);
  Finished finished;
  upload->finish({}, finished.done());
  REQUIRE(finished.wait());
  CHECK((fixture.memory.contents("k") == bytes));
}

TEST_CASE("what is fed and finished while an upload runs dry is committed once") {
  UploadFixture fixture;
  const std::string bytes = pattern(300);
  for (int i = 0; i < 800; ++i) {
    const std::string key = "k" + std::to_string(i);
    const auto upload = fixture.begin(key);
    // Each of these may find the upload at work, at its end, or waiting for more.
    std::vector<JournalRange> first;
    first.push_back(fixture.piece(0, std::string_view(bytes).substr(0, 100)));
    upload->feed(std::move(first));
    std::vector<JournalRange> second;
    second.push_back(fixture.piece(100, std::string_view(bytes).substr(100)));
    upload->feed(std::move(second));
    upload->resize(bytes.size());
    Finished finished;
    upload->finish({}, finished.done());
    REQUIRE(finished.wait());
    CHECK(finished.answers() == 1);
    CHECK(fixture.memory.contents(key) == bytes);
  }
  CHECK(fixture.memory.count("Put") == 800);
}

}  // namespace
}  // namespace penstock::test
