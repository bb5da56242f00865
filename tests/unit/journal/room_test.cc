// SPDX-License-Identifier: Apache-2.0
// Logs that are written anew, and segments that go.
#include <cerrno>
#include <set>

#include "journal/journal_folder.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

TEST_CASE("a long log is written anew, and the old one removed") {
  const TempDir directory;
  JournalState state{.file = 1, .key = "p/x"};
  state.metadata["m"] = std::string(100'000, 'v');
  {
    TestJournal journal(directory.path());
    for (int i = 0; i < 50; ++i) {
      REQUIRE(journal.record(state));
      CHECK(journal->stats().occupied < (2U << 20));
    }
    FolderListing listing;
    list_folder(*Disk::system(), only_folder(directory.path()), listing);
    REQUIRE(listing.logs.size() == 1);
    CHECK(listing.logs[0] > 2);
    CHECK(listing.unfinished.empty());
  }
  TestJournal again(directory.path());
  REQUIRE(again.left.files.size() == 1);
  CHECK(again.left.files[0].metadata == state.metadata);
}

TEST_CASE("a log that cannot be written anew is used on") {
  const TempDir directory;
  Failing renames(DiskCall::rename);
  TestJournal journal(directory.path(), renames.disk);
  renames.error = EIO;
  renames.calls = 0;
  JournalState state{.file = 1, .key = "p/x"};
  state.metadata["m"] = std::string(100'000, 'v');
  for (int i = 0; i < 30; ++i) REQUIRE(journal.record(state));
  // Not tried again at each record.
  CHECK(renames.calls == 2);
  renames.error = 0;
  for (int i = 0; i < 30; ++i) REQUIRE(journal.record(state));
  CHECK(journal->stats().occupied < (2U << 20));
}

TEST_CASE("a segment goes when the last who needs it does", "[one-thread]") {
  const TempDir directory;
  TestJournal journal(directory.path());
  const std::string folder = only_folder(directory.path());
  constexpr uint64_t piece_size = 16ULL << 20;
  std::vector<std::shared_ptr<const JournalPiece>> pieces;
  for (uint64_t i = 0; i < 9; ++i) pieces.push_back(*journal->append(random_bytes(piece_size, i)));
  CHECK(journal->stats().segments == 3);
  CHECK(journal->stats().occupied >= 9 * piece_size);
  // Four in each: the first is needed by a state, and by a piece alone.
  REQUIRE(journal.record(state_of(1, "p/x", pieces[0])));
  const auto reader = pieces[1];
  pieces.clear();
  CHECK_FALSE(fs::exists(folder + "/data-2"));
  CHECK(fs::exists(folder + "/data-1"));
  REQUIRE(journal.forget(1));
  CHECK(fs::exists(folder + "/data-1"));
  // The one that is being written goes as soon as it is not needed.
  CHECK_FALSE(fs::exists(folder + "/data-3"));
  CHECK(journal->stats().segments == 1);
}

TEST_CASE("no segment is written into again") {
  const TempDir directory;
  std::set<std::string> seen;
  for (uint64_t life = 0; life < 4; ++life) {
    TestJournal journal(directory.path());
    for (uint64_t file = 1; file <= 3; ++file) {
      REQUIRE(store(journal, life * 10 + file, "p/x", random_bytes(10, file)));
      if (file < 3) REQUIRE(journal.forget(life * 10 + file));
      std::string name;
      for (const auto& entry : fs::directory_iterator(only_folder(directory.path()))) {
        const std::string found = entry.path().filename().string();
        if (found.starts_with("data-") && !seen.contains(found)) name = found;
      }
      if (file < 3) continue;
      CHECK_FALSE(name.empty());
      seen.insert(name);
    }
  }
}

}  // namespace
}  // namespace penstock
