// SPDX-License-Identifier: Apache-2.0
// Those who wait together share a flush, and are answered when it is done.
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/worker_pool.h"
#include "journal/journal_folder.h"
#include "journal/log_format.h"
#include "support/power_loss_disk.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

TEST_CASE("those who wait together share a flush") {
  const TempDir directory;
  Failing flushes(DiskCall::fdatasync);
  TestJournal journal(directory.path(), flushes.disk);
  const uint64_t before = flushes.calls;
  uint64_t answered = 0;
  constexpr uint64_t count = 100;
  for (uint64_t file = 1; file <= count; ++file) {
    const auto piece = journal->append(random_bytes(10, file));
    journal->record(state_of(file, "p/x", *piece), [&](Result<void> result) {
      CHECK(result);
      ++answered;
    });
  }
  CHECK(answered == 0);
  journal.scheduler.run();
  CHECK(answered == count);
  // One of the data, one of the log.
  CHECK(flushes.calls == before + 2);
  REQUIRE(journal.forget(1));
  CHECK(flushes.calls == before + 3);
}

TEST_CASE("what nobody waits for is not flushed") {
  const TempDir directory;
  Failing flushes(DiskCall::fdatasync);
  TestJournal journal(directory.path(), flushes.disk);
  REQUIRE(store(journal, 1, "p/x", random_bytes(10, 1)));
  const uint64_t before = flushes.calls;
  journal->upload_began({.file = 1, .key = "p/x", .upload_id = "u"});
  journal->note_failure(1, "no route");
  journal.scheduler.run();
  CHECK(flushes.calls == before);
}

TEST_CASE("many threads use a journal, and each promise is durable when it is given") {
  constexpr uint64_t threads = 8;
  constexpr uint64_t each = 60;
  const auto disk = std::make_shared<PowerLossDisk>();
  std::map<uint64_t, Bytes> promised;
  std::shared_ptr<PowerLossDisk> cut;
  std::mt19937_64 random(1);
  {
    WorkerPool pool("journal", 2);
    Journal::Left left;
    auto opened = Journal::open({.directory = "/j", .identity = "i", .prefix = "p"}, left, pool,
                                Log::none(), disk);
    REQUIRE(opened);
    Journal& journal = **opened;
    const uint64_t before = disk->flushes();
    std::mutex mutex;
    std::latch end(threads);
    std::vector<std::jthread> workers;
    for (uint64_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (uint64_t i = 0; i < each; ++i) {
          const uint64_t file = journal.new_file();
          const Bytes bytes = random_bytes(100 + i, t * each + i);
          const auto piece = journal.append(bytes);
          const auto result = await<void>([&](Done<void> done) {
            journal.record(state_of(file, "k", *piece), std::move(done));
          });
          const std::scoped_lock lock(mutex);
          if (result) promised[file] = bytes;
          journal.stats();
          // Somebody pulls the plug in between.
          if (promised.size() == threads * each / 2) {
            cut = disk->after_cut(PowerLossDisk::Loss::all, random);
            break;
          }
          if (cut != nullptr) break;
        }
        end.count_down();
      });
    }
    end.wait();
    CHECK(disk->flushes() - before < 2 * promised.size());
    workers.clear();
    opened.value().reset();
  }
  REQUIRE(cut != nullptr);
  ManualScheduler scheduler;
  Journal::Left left;
  auto again = Journal::open({.directory = "/j", .identity = "i", .prefix = "p"}, left, scheduler,
                             Log::none(), cut);
  REQUIRE(again);
  CHECK(left.files.size() >= threads * each / 2);
  std::set<uint64_t> found;
  for (const JournalState& state : left.files) found.insert(state.file);
  uint64_t missing = 0;
  for (const auto& [file, bytes] : promised) missing += found.contains(file) ? 0U : 1U;
  // Those that were answered after the plug was pulled.
  CHECK(missing < threads);
}

TEST_CASE("a record says of those before it only what a flush has made sure of") {
  const TempDir directory;
  TestJournal journal(directory.path());
  const std::string path = journal_log(journal);
  const uint64_t begin = fs::file_size(path);
  journal->upload_began({.file = 1, .key = "p/x", .upload_id = "u"});
  journal.scheduler.run();
  REQUIRE(store(journal, 1, "p/x", random_bytes(10, 1)));
  const uint64_t flushed = fs::file_size(path);
  REQUIRE(store(journal, 2, "p/x", random_bytes(10, 1)));
  std::vector<std::byte> log;
  REQUIRE(read_log(Disk::system(), path, log) == 0);
  std::vector<uint64_t> durable;
  LogScanner scanner(log, decode_log_header(log).salt);
  while (const auto record = scanner.next()) durable.push_back(record->durable);
  CHECK(durable == std::vector<uint64_t>{0, begin, begin, flushed});
}

TEST_CASE("records that never get their flush are told so") {
  const TempDir directory;
  TestJournal journal(directory.path());
  const auto piece = journal->append(random_bytes(10, 1));
  std::optional<Result<void>> answer;
  journal->record(state_of(1, "p/x", *piece),
                  [&](Result<void> result) { answer = std::move(result); });
  journal.scheduler.stop();
  REQUIRE(answer);
  CHECK(answer->code() == Code::cancelled);
  // The next one may be luckier.
  CHECK(journal.record(state_of(1, "p/x", *piece)));
}

TEST_CASE("closing makes durable what waits") {
  const TempDir directory;
  bool answered = false;
  {
    TestJournal journal(directory.path());
    const auto piece = journal->append(random_bytes(10, 1));
    journal->record(state_of(1, "p/x", *piece), [&](Result<void> result) {
      CHECK(result);
      answered = true;
    });
    journal.opened.value().reset();
    CHECK(answered);
    // What was posted comes too late, and finds nothing to do.
    journal.scheduler.run();
  }
  CHECK(TestJournal(directory.path()).left.files.size() == 1);
}

TEST_CASE("pieces can be read when their journal is closed") {
  const TempDir directory;
  TestJournal journal(directory.path());
  const Bytes bytes = random_bytes(10, 1);
  const auto piece = journal->append(bytes);
  REQUIRE(journal.record(state_of(1, "p/x", *piece)));
  TestJournal other(directory.path());
  journal.opened.value().reset();
  Bytes out(4);
  REQUIRE(other->read(**piece, 6, out));
  CHECK(out == Bytes(bytes.begin() + 6, bytes.end()));
  CHECK_FALSE(other->read(**piece, 7, out));
  CHECK_FALSE(other->read(**piece, UINT64_MAX, out));
}

TEST_CASE("states of pieces of another journal are refused") {
  const TempDir directory;
  TestJournal one(directory.path());
  TestJournal two(directory.path());
  const auto piece = one->append(random_bytes(10, 1));
  const auto refused = two.record(state_of(1, "p/x", *piece));
  REQUIRE_FALSE(refused);
  CHECK(refused.code() == Code::invalid_argument);
  CHECK_FALSE(one->append({}));
  CHECK_FALSE(one->append(Bytes((16U << 20) + 1)));
}

}  // namespace
}  // namespace penstock
