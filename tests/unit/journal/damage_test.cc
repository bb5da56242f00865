// SPDX-License-Identifier: Apache-2.0
// Logs and data that are cut off, flipped, or invented.
#include <fmt/core.h>

#include <chrono>
#include <map>
#include <set>

#include "journal/journal_folder.h"
#include "journal/journal_report.h"
#include "journal/log_format.h"
#include "journal/replay.h"
#include "support/seed.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

Bytes read_file(const std::string& path) {
  std::vector<std::byte> bytes;
  REQUIRE(read_log(Disk::system(), path, bytes) == 0);
  return bytes;
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

/// A journal as a killed mount leaves it, kept aside: each trial gets a copy.
class Original {
 public:
  explicit Original(const std::function<void(TestJournal&)>& fill) {
    {
      TestJournal journal(directory_.path());
      REQUIRE(journal.opened);
      fill(journal);
    }
    folder_ = fs::path(only_folder(directory_.path())).filename().string();
  }

  std::string path(const std::string& name) const {
    return directory_.path() + "/" + folder_ + "/" + name;
  }
  /// A copy in which the file `name` has these bytes instead.
  std::unique_ptr<TempDir> with(const std::string& name, std::span<const std::byte> bytes) const {
    auto copy = std::make_unique<TempDir>();
    fs::copy(directory_.path(), copy->path(), fs::copy_options::recursive);
    write_file(copy->path() + "/" + folder_ + "/" + name, bytes);
    return copy;
  }

 private:
  TempDir directory_;
  std::string folder_;
};

/// What a journal hands out, by file.
std::map<uint64_t, Bytes> contents(TestJournal& journal) {
  std::map<uint64_t, Bytes> found;
  for (const JournalState& state : journal.left.files) found[state.file] = content(*journal, state);
  return found;
}

TEST_CASE("a log that was cut off has exactly the states whose records are whole", "[one-thread]") {
  std::vector<std::pair<uint64_t, std::map<uint64_t, Bytes>>> steps;  // log's length → contents
  std::map<uint64_t, Bytes> now;
  uint64_t named = 0;
  const Original original([&](TestJournal& journal) {
    named = fs::file_size(journal_log(journal));
    steps.emplace_back(named, now);
    for (uint64_t i = 0; i < 6; ++i) {
      const uint64_t file = i % 4 + 1;
      const Bytes bytes = random_bytes(20 + i, i);
      REQUIRE(store(journal, file, fmt::format("p/{}", i), bytes));
      now[file] = bytes;
      steps.emplace_back(fs::file_size(journal_log(journal)), now);
    }
    REQUIRE(journal.forget(3));
    now.erase(3);
    steps.emplace_back(fs::file_size(journal_log(journal)), now);
  });
  const Bytes log = read_file(original.path("log-1"));
  REQUIRE(log.size() == steps.back().first);
  for (uint64_t length = 0; length <= log.size(); ++length) {
    CAPTURE(length);
    const auto copy = original.with("log-1", std::span(log).first(length));
    TestJournal journal(copy->path());
    REQUIRE(journal.opened);
    if (length < named) {
      // It had its name only when it was that long: this is damage.
      CHECK(journal.left.files.empty());
      CHECK(journal.left.damaged.size() == 1);
      continue;
    }
    const auto next =
        std::ranges::find_if(steps, [&](const auto& step) { return step.first > length; });
    CHECK(contents(journal) == std::prev(next)->second);
    CHECK(journal.left.damaged.empty());
    // And it can be written on.
    if (length % 16 == 0) {
      REQUIRE(store(journal, 100, "p/new", random_bytes(5, 5)));
      CHECK(journal->stats().files == std::prev(next)->second.size() + 1);
    }
  }
}

/// Several states in one log, some in one group, and a log that was renewed before.
void fill_several(TestJournal& journal) {
  for (uint64_t i = 0; i < 3; ++i)
    REQUIRE(store(journal, i + 1, fmt::format("p/{}", i), random_bytes(40, i)));
  REQUIRE(store(journal, 1, "p/0", random_bytes(50, 10)));
  journal->upload_began({.file = 2, .key = "p/1", .upload_id = "id"});
  REQUIRE(journal.forget(3));
  REQUIRE(store(journal, 4, "p/3", random_bytes(10, 4)));
}

const std::map<uint64_t, Bytes> several{
    {1, random_bytes(50, 10)}, {2, random_bytes(40, 1)}, {4, random_bytes(10, 4)}};

/// Each file is as it was, or is missing and somebody says so.
void check_never_wrong(TestJournal& journal, bool last_group) {
  REQUIRE(journal.opened);
  const auto found = contents(journal);
  for (const auto& [file, bytes] : found) {
    CAPTURE(file);
    REQUIRE(several.contains(file));
    CHECK(bytes == several.at(file));
  }
  if (found == several) return;
  // The end of a log is what a crash may have left, so that nothing is said of it.
  if (last_group) {
    CHECK(found.size() == several.size() - 1);
  } else {
    CHECK_FALSE(journal.left.damaged.empty());
  }
}

TEST_CASE("no flipped byte in a log makes a wrong state", "[one-thread]") {
  uint64_t last = 0;
  const Original original([&](TestJournal& journal) {
    fill_several(journal);
    last = fs::file_size(journal_log(journal));
  });
  const Bytes log = read_file(original.path("log-1"));
  // The last group is the record of file 4.
  uint64_t before_last = 0;
  {
    LogScanner scanner(log, decode_log_header(log).salt);
    while (const auto raw = scanner.next()) before_last = raw->offset;
  }
  for (uint64_t at = 0; at < last; ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      CAPTURE(at, flip);
      Bytes bytes = log;
      bytes[at] ^= static_cast<std::byte>(flip);
      const auto copy = original.with("log-1", bytes);
      std::set<uint64_t> damaged;
      {
        TestJournal journal(copy->path());
        check_never_wrong(journal, at >= before_last);
        for (const JournalDamage& damage : journal.left.damaged) damaged.insert(damage.file);
      }
      // What was reported once is reported again, although the log was written anew.
      TestJournal again(copy->path());
      check_never_wrong(again, at >= before_last);
      std::set<uint64_t> still;
      for (const JournalDamage& damage : again.left.damaged) still.insert(damage.file);
      CHECK(still == damaged);
    }
  }
}

TEST_CASE("no flipped byte in the data is handed out") {
  const Original original(fill_several);
  const Bytes data = read_file(original.path("data-1"));
  for (uint64_t at = 0; at < data.size(); ++at) {
    CAPTURE(at);
    Bytes bytes = data;
    bytes[at] ^= std::byte{1};
    const auto copy = original.with("data-1", bytes);
    for (int i = 0; i < 2; ++i) {
      TestJournal journal(copy->path());
      check_never_wrong(journal, false);
      CHECK(journal.left.damaged.size() + journal.left.files.size() == several.size());
      CHECK(journal->stats().files == journal.left.files.size());
    }
  }
}

TEST_CASE("data that are missing or cut off are damage, and what is left of them stays") {
  const Original original(fill_several);
  const Bytes data = read_file(original.path("data-1"));
  const auto cut = original.with("data-1", std::span(data).first(data.size() - 1));
  for (int i = 0; i < 2; ++i) {
    TestJournal journal(cut->path());
    REQUIRE(journal.opened);
    REQUIRE(journal.left.damaged.size() == 1);
    CHECK(journal.left.damaged[0].file == 4);
    CHECK(journal.left.damaged[0].key == "p/3");
    CHECK(journal.left.files.size() == 2);
    REQUIRE(store(journal, 10, "p/new", random_bytes(10, 1)));
    REQUIRE(journal.forget(10));
    REQUIRE(fs::exists(only_folder(cut->path()) + "/data-1"));
  }
  const auto gone = original.with("data-1", {});
  fs::remove(only_folder(gone->path()) + "/data-1");
  TestJournal journal(gone->path());
  CHECK(journal.left.damaged.size() == several.size());
  CHECK(journal.left.files.empty());
}

TEST_CASE("files that are lost can be forgotten, and then their room is given back") {
  const Original original(fill_several);
  const auto cut = original.with("data-1", {});
  {
    TestJournal journal(cut->path());
    REQUIRE(journal.left.damaged.size() == several.size());
    for (const JournalDamage& damage : journal.left.damaged) REQUIRE(journal.forget(damage.file));
    journal->upload_ended("id");
    CHECK(journal->stats().files == 0);
    CHECK(journal->stats().bytes == 0);
  }
  CHECK(fs::is_empty(cut->path()));
}

TEST_CASE("a damaged log is kept, and all the data with it") {
  const Original original(fill_several);
  Bytes log = read_file(original.path("log-1"));
  // In the body of the first state.
  LogScanner scanner(log, decode_log_header(log).salt);
  scanner.next();
  log[scanner.next()->offset + record_head_size + 3] ^= std::byte{1};
  const auto copy = original.with("log-1", log);
  const std::string folder = only_folder(copy->path());
  write_file(folder + "/data-77", random_bytes(10, 1));
  {
    TestJournal journal(copy->path());
    CHECK(contents(journal) == several);
    REQUIRE(journal.left.damaged.size() == 1);
    CHECK(read_file(folder + "/log-1.damaged") == log);
    for (const JournalState& state : journal.left.files) REQUIRE(journal.forget(state.file));
    journal->upload_ended("id");
  }
  CHECK(fs::exists(folder + "/log-1.damaged"));
  CHECK(fs::exists(folder + "/data-77"));
  const auto report = *read_journals(copy->path(), *Disk::system());
  REQUIRE(report.size() == 1);
  CHECK(report[0].problem == "its log was damaged");
  TestJournal again(copy->path());
  CHECK(again.left.damaged.size() == 1);
  const auto piece = again->append(random_bytes(10, 1));
  REQUIRE(piece);
  CHECK(fs::exists(folder + "/data-78"));
}

TEST_CASE("a log of an impossible size is not read") {
  const Original original(fill_several);
  const auto copy = original.with("log-1", {});
  fs::resize_file(only_folder(copy->path()) + "/log-1", 1ULL << 40);
  TestJournal journal(copy->path());
  REQUIRE(journal.opened);
  CHECK(journal.left.files.empty());
  CHECK(journal.left.damaged.size() == 1);
}

TEST_CASE("invented bodies are taken or refused, never more", "[one-thread]") {
  const uint64_t seed = seed_from("PENSTOCK_JOURNAL_SEED", "journal, damage");
  std::mt19937_64 random(seed);
  const auto source = [](uint64_t) { return nullptr; };
  // Real bodies, changed a little, get further than random bytes.
  std::vector<std::pair<RecordType, Bytes>> bodies;
  const auto add = [&](const LogRecord& record) {
    Bytes body;
    encode_body(record, body);
    bodies.emplace_back(type_of(record), body);
  };
  JournalState state{.file = 1, .key = "k", .size = 30, .metadata = {{"a", "b"}}};
  state.base = ObjectInfo{.key = "b", .size = 30, .etag = "e", .metadata = Metadata{{"c", "d"}}};
  state.ranges = {{.kind = JournalRange::Kind::hole, .length = 10},
                  {.kind = JournalRange::Kind::base, .offset = 10, .length = 20}};
  add(state);
  add(OwnerRecord{.identity = "i", .prefix = "p"});
  add(FailureRecord{.file = 1, .message = "m"});
  add(JournalUpload{.file = 1, .key = "k", .upload_id = "u", .metadata = {{"a", "b"}}});
  add(UploadEndedRecord{.upload_id = "u"});
  add(DamageRecord{.file = 1, .reason = "r"});
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  uint64_t taken = 0;
  for (uint64_t i = 0; i % 64 != 0 || std::chrono::steady_clock::now() < end; ++i) {
    auto [type, body] = bodies[random() % bodies.size()];
    if (random() % 4 == 0) type = static_cast<RecordType>(random() % 10);
    if (random() % 8 == 0) body = random_bytes(random() % 100, random());
    for (uint64_t n = random() % 4; n > 0 && !body.empty(); --n)
      body[random() % body.size()] = static_cast<std::byte>(random());
    if (random() % 4 == 0) body.resize(random() % (body.size() + 20));
    const auto record = decode_body(type, random() % 3, body, source);
    if (!record) continue;
    ++taken;
    // Whatever is taken can be written again. (Pieces have no segment here.)
    REQUIRE(check_record(*record));
  }
  CHECK(taken > 0);
}

TEST_CASE("random logs are read without harm", "[one-thread]") {
  const std::map<uint64_t, std::set<uint64_t>> sizes{
      {1, {40, 50}}, {2, {40}}, {3, {40}}, {4, {10}}};
  const uint64_t seed = seed_from("PENSTOCK_JOURNAL_SEED", "journal, damage");
  std::mt19937_64 random(seed);
  const Original original(fill_several);
  const Bytes log = read_file(original.path("log-1"));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < end) {
    Bytes bytes = log;
    for (uint64_t n = random() % 20; n > 0; --n) {
      const uint64_t at = random() % bytes.size();
      const uint64_t length = std::min<uint64_t>(random() % 40, bytes.size() - at);
      const uint64_t from = random() % (bytes.size() - length + 1);
      if (random() % 2 == 0) {
        std::ranges::copy(random_bytes(length, random()),
                          bytes.begin() + static_cast<ptrdiff_t>(at));
      } else {
        std::copy_n(log.begin() + static_cast<ptrdiff_t>(from), length,
                    bytes.begin() + static_cast<ptrdiff_t>(at));
      }
    }
    const Replay replay = replay_log(bytes, [](uint64_t) { return nullptr; });
    if (replay.outcome != Replay::Outcome::good) continue;
    // Where all of the end is damaged, the log is one that ended earlier.
    for (const auto& [number, file] : replay.live.files()) {
      if (!file.state || !file.damage.empty()) continue;
      CAPTURE(number);
      REQUIRE(sizes.contains(number));
      CHECK(sizes.at(number).contains(file.state->size));
    }
  }
}

}  // namespace
}  // namespace penstock
