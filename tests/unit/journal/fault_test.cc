// SPDX-License-Identifier: Apache-2.0
// Disks that fail: no promise is broken, and none is given that cannot be kept.
#include <cerrno>
#include <map>
#include <set>

#include "journal/journal_folder.h"
#include "journal/log_reserve.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

TEST_CASE("a full disk refuses new data, and what it had stays") {
  const TempDir directory;
  const Bytes old = random_bytes(10, 1);
  {
    Failing writes(DiskCall::pwrite);
    TestJournal journal(directory.path(), writes.disk);
    REQUIRE(store(journal, 1, "p/x", old));
    writes.error = ENOSPC;
    const auto refused = journal->append(random_bytes(1000, 2));
    REQUIRE_FALSE(refused);
    CHECK(refused.code() == Code::no_space);
    writes.error = 0;
    const auto piece = journal->append(random_bytes(10, 3));
    REQUIRE(piece);
    // Directly behind what was whole, and nothing else is there.
    CHECK((*piece)->position == 10);
    CHECK(fs::file_size(only_folder(directory.path()) + "/data-1") == 20);
    writes.error = EDQUOT;
    const auto result = journal.record(state_of(1, "p/x", *piece));
    REQUIRE_FALSE(result);
    CHECK(result.code() == Code::no_space);
    writes.error = 0;
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.files.size() == 1);
  CHECK(content(*again, again.left.files[0]) == old);
}

TEST_CASE("of a group that did not fit nothing is found") {
  const TempDir directory;
  JournalState old{.file = 1, .key = "p/old"};
  {
    Failing writes(DiskCall::pwrite);
    TestJournal journal(directory.path(), writes.disk);
    REQUIRE(journal.record(old));
    const uint64_t length = fs::file_size(journal_log(journal));
    writes.error = ENOSPC;
    // Half of the group gets to the disk: the first record is whole there.
    JournalState large{.file = 2, .key = "p/large", .metadata = {{"m", std::string(5000, 'v')}}};
    std::vector<Code> codes;
    const auto answer = [&](Result<void> result) { codes.push_back(result.code()); };
    journal->record({.file = 1, .key = "p/new"}, answer);
    journal->record(large, answer);
    journal.scheduler.run();
    CHECK(codes == std::vector{Code::no_space, Code::no_space});
    CHECK(fs::file_size(journal_log(journal)) == length);
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.files.size() == 1);
  CHECK(again.left.files[0].key == "p/old");
}

TEST_CASE("what may be found although it was refused keeps its data", "[one-thread]") {
  const TempDir directory;
  const Bytes bytes = random_bytes(16U << 20, 1);
  {
    const auto disk = std::make_shared<FaultyDisk>();
    TestJournal journal(directory.path(), disk);
    REQUIRE(journal.record({.file = 1, .key = "p/old"}));
    std::vector<std::shared_ptr<const JournalPiece>> pieces{*journal->append(bytes)};
    // The segment is full, and the next one begun: nothing else needs it.
    for (int i = 0; i < 4; ++i) pieces.push_back(*journal->append(bytes));
    JournalState next = state_of(1, "p/new", pieces[0]);
    pieces.clear();
    uint64_t flushes = 0;
    disk->decide([&](DiskCall call, uint64_t) {
      // The flush of the log, and then the log cannot be cut off.
      if (call == DiskCall::fdatasync) return ++flushes == 3 ? -EIO : 0;
      return call == DiskCall::ftruncate ? -EIO : 0;
    });
    CHECK_FALSE(journal.record(std::move(next)));
  }
  TestJournal again(directory.path());
  CHECK(again.left.damaged.empty());
  REQUIRE(again.left.files.size() == 1);
  CHECK(again.left.files[0].key == "p/new");
  CHECK((content(*again, again.left.files[0]) == bytes));
}

TEST_CASE("a full disk takes the states of the bytes that it has, and no more bytes before them") {
  const TempDir directory;
  const Bytes bytes = random_bytes(10, 1);
  {
    const auto disk = std::make_shared<FaultyDisk>();
    TestJournal journal(directory.path(), disk);
    const std::string reserve = reserve_path(only_folder(directory.path()));
    const auto piece = *journal->append(bytes);
    disk->decide([&](DiskCall call, uint64_t) {
      return call == DiskCall::pwrite && fs::exists(reserve) ? -ENOSPC : 0;
    });
    REQUIRE(journal.record(state_of(1, "p/x", piece)));
    // There would be room for them, but it is the log's.
    CHECK(journal->append(bytes).code() == Code::no_space);
    CHECK_FALSE(fs::exists(reserve));
    disk->decide(nullptr);
    CHECK(journal->append(bytes));
    CHECK(fs::exists(reserve));
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.files.size() == 1);
  CHECK((content(*again, again.left.files[0]) == bytes));
}

TEST_CASE("states do not take the whole reserve of a full disk, however many come") {
  const TempDir directory;
  const auto disk = std::make_shared<FaultyDisk>();
  TestJournal journal(directory.path(), disk);
  // Full for the first write of each record, which finds room where the reserve was.
  int writes = 0;
  disk->decide([&](DiskCall call, uint64_t) {
    return call == DiskCall::pwrite && ++writes == 1 ? -ENOSPC : 0;
  });
  JournalState state{.file = 1, .key = "p/x"};
  state.metadata["m"] = std::string(10'000, 'v');
  uint64_t taken = 0;
  for (; journal.record(state); writes = 0) {
    ++state.file;
    taken += 10'000;
    REQUIRE(taken < LogReserve::size);
  }
  CHECK(taken > 100'000);
  CHECK(taken <= LogReserve::for_states);
  writes = 0;
  CHECK(journal.forget(1));
}

TEST_CASE("a full disk still takes that a file is forgotten, and has room then") {
  const TempDir directory;
  const auto disk = std::make_shared<FaultyDisk>();
  TestJournal journal(directory.path(), disk);
  const std::string reserve = reserve_path(only_folder(directory.path()));
  CHECK(fs::file_size(reserve) > 100'000);
  REQUIRE(store(journal, 1, "p/x", random_bytes(10, 1)));
  REQUIRE(store(journal, 2, "p/y", random_bytes(10, 2)));
  // Full until somebody removes something.
  disk->decide([&](DiskCall call, uint64_t) {
    return call == DiskCall::pwrite && fs::exists(reserve) ? -ENOSPC : 0;
  });
  const auto piece = journal->append(random_bytes(10, 3));
  CHECK_FALSE(piece);
  std::vector<Code> codes;
  // Larger than what states may have of the reserve.
  JournalState large{.file = 3, .key = "p/z"};
  large.metadata["m"] = std::string(200'000, 'v');
  journal->record(large, [&](Result<void> result) { codes.push_back(result.code()); });
  journal->forget(1, [&](Result<void> result) { CHECK(result); });
  journal->forget(2, [&](Result<void> result) { CHECK(result); });
  journal.scheduler.run();
  CHECK(codes == std::vector{Code::no_space});
  CHECK(journal->stats().files == 0);
  CHECK(journal->stats().segments == 0);
  CHECK_FALSE(fs::exists(reserve));
  disk->decide(nullptr);
  REQUIRE(store(journal, 4, "p/x", random_bytes(10, 1)));
  REQUIRE(journal.forget(4));
  CHECK(fs::exists(reserve));
}

TEST_CASE("uploads that could not be noted are noted later") {
  const TempDir directory;
  {
    Failing writes(DiskCall::pwrite);
    TestJournal journal(directory.path(), writes.disk);
    writes.error = EIO;
    journal->upload_began({.file = 1, .key = "p/x", .upload_id = "u"});
    journal->upload_began({.file = 1, .key = "p/x", .upload_id = "v"});
    journal.scheduler.run();
    writes.error = 0;
    journal->upload_ended("u");
    REQUIRE(store(journal, 1, "p/x", random_bytes(10, 1)));
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.uploads.size() == 1);
  CHECK(again.left.uploads[0].upload_id == "v");
}

TEST_CASE("after a flush that failed nothing is promised any more, and nothing removed") {
  for (const uint64_t which : {1, 2}) {
    CAPTURE(which);
    const TempDir directory;
    const Bytes old = random_bytes(10, 1);
    {
      Failing flushes(DiskCall::fdatasync);
      TestJournal journal(directory.path(), flushes.disk);
      REQUIRE(store(journal, 1, "p/x", old));
      const uint64_t before = flushes.calls;
      flushes.disk->decide([&](DiskCall call, uint64_t) {
        const bool this_one = call == DiskCall::fdatasync && ++flushes.calls == before + which;
        return this_one ? -EIO : 0;
      });
      const auto failed = store(journal, 1, "p/x", random_bytes(20, 2));
      REQUIRE_FALSE(failed);
      CHECK(failed.code() == Code::unavailable);
      const auto next = journal.forget(1);
      REQUIRE_FALSE(next);
      CHECK(std::string(next.error().message()).find("takes nothing more") != std::string::npos);
      CHECK_FALSE(journal->append(random_bytes(10, 1)));
    }
    TestJournal again(directory.path());
    CHECK(again.left.damaged.empty());
    REQUIRE(again.left.files.size() == 1);
    CHECK(content(*again, again.left.files[0]) == old);
  }
}

TEST_CASE("a disk that could not begin to write is not asked whether it has written",
          "[one-thread]") {
  const TempDir directory;
  Failing writeback(DiskCall::start_writeback);
  TestJournal journal(directory.path(), writeback.disk);
  writeback.error = EOPNOTSUPP;
  REQUIRE(store(journal, 1, "p/x", random_bytes(9U << 20, 1)));
  CHECK(writeback.calls == 1);
  writeback.error = EIO;
  CHECK_FALSE(store(journal, 2, "p/x", random_bytes(9U << 20, 1)));
}

/// Opens, writes, replaces, forgets, and closes. Says what was promised.
void use(const std::string& directory, const std::shared_ptr<Disk>& disk,
         std::map<uint64_t, std::set<Bytes>>& allowed, std::set<uint64_t>& promised) {
  TestJournal journal(directory, disk);
  if (!journal.opened) return;
  for (uint64_t i = 0; i < 4; ++i) {
    const uint64_t file = i % 3 + 10;
    const Bytes bytes = random_bytes(30, i);
    const bool kept = store(journal, file, "p/x", bytes).has_value();
    if (kept) allowed[file].clear();
    allowed[file].insert(bytes);
    if (kept) promised.insert(file);
  }
  journal->upload_began({.file = 10, .key = "p/x", .upload_id = "u"});
  journal->note_failure(10, "no route");
  promised.erase(12);
  journal.forget(12).has_value();
  for (const JournalState& state : journal.left.files) {
    Bytes out(10);
    if (state.file < 10 && journal->read(*state.ranges[0].piece, 0, out))
      CHECK(out == random_bytes(10, state.file));
  }
}

TEST_CASE("whichever call fails, no promise is broken", "[one-thread]") {
  for (const int error : {ENOSPC, EIO}) {
    for (const bool once : {true, false}) {
      uint64_t calls = 1000;  // Until the first try, where none fails, says how many there are.
      for (uint64_t at = 0; at <= calls; ++at) {
        CAPTURE(error, once, at);
        const TempDir directory;
        {
          TestJournal before(directory.path());
          for (uint64_t file = 1; file <= 2; ++file)
            REQUIRE(store(before, file, "p/old", random_bytes(10, file)));
        }
        const auto disk = std::make_shared<FaultyDisk>();
        disk->decide([&](DiskCall, uint64_t number) {
          return at != 0 && (number == at || (!once && number > at)) ? -error : 0;
        });
        std::map<uint64_t, std::set<Bytes>> allowed;
        std::set<uint64_t> promised{1, 2};
        use(directory.path(), disk, allowed, promised);
        if (at == 0) calls = disk->calls();
        std::map<uint64_t, Bytes> found;
        // One for each journal that was left: a second one, where the first could not be locked.
        for (int life = 0; life < 2; ++life) {
          TestJournal again(directory.path());
          REQUIRE(again.opened);
          CHECK(again.left.damaged.empty());
          for (const JournalState& state : again.left.files) {
            found[state.file] = content(*again, state);
            REQUIRE(again.forget(state.file));
          }
          for (const JournalUpload& upload : again.left.uploads)
            again->upload_ended(upload.upload_id);
        }
        for (const uint64_t file : promised) CHECK(found.contains(file));
        for (const auto& [file, bytes] : found) {
          if (file >= 10) CHECK(allowed[file].contains(bytes));
        }
        CHECK(fs::is_empty(directory.path()));
      }
      CHECK(calls > 40);
    }
  }
}

}  // namespace
}  // namespace penstock
