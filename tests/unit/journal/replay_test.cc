// SPDX-License-Identifier: Apache-2.0
// What of a log counts where bytes of it are missing.
#include "journal/replay.h"

#include "journal/log_format.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t log_salt = 99;

JournalState hole(uint64_t file, uint64_t size) {
  JournalState state{.file = file, .key = "k", .size = size};
  state.ranges = {{.kind = JournalRange::Kind::hole, .length = size}};
  return state;
}

/// A log that tests write by hand.
class HandLog {
 public:
  /// Begins as a renewed log does, with these states.
  explicit HandLog(const std::vector<JournalState>& states = {}) {
    LiveRecords live;
    std::vector<JournalState> dropped;
    for (const JournalState& state : states) live.apply(state, 1, dropped);
    bytes_ = live.encode({.identity = "i", .prefix = "p"}, log_salt);
    durable_ = bytes_.size();
  }

  /// Where the record begins.
  uint64_t add(const LogRecord& record) {
    const uint64_t at = bytes_.size();
    append_record(record, {.salt = log_salt, .durable = durable_}, bytes_);
    return at;
  }
  /// All that was added is on the disk.
  void flush() { durable_ = bytes_.size(); }
  /// Zeros instead of what is there; of a record's head, if nothing else is said.
  void lose(uint64_t at, uint64_t length = record_head_size) {
    std::fill_n(bytes_.begin() + static_cast<ptrdiff_t>(at), length, std::byte{});
  }
  void lose_body(uint64_t at) { lose(at + record_head_size, 1); }
  uint64_t size() const { return bytes_.size(); }

  Replay replay() const {
    Replay replay = replay_log(bytes_, [](uint64_t) { return nullptr; });
    CHECK(replay.outcome == Replay::Outcome::good);
    return replay;
  }

 private:
  Bytes bytes_;
  uint64_t durable_ = 0;
};

/// The file's size, where it may be used.
std::optional<uint64_t> size_of(const Replay& replay, uint64_t file) {
  const auto found = replay.live.files().find(file);
  if (found == replay.live.files().end()) return std::nullopt;
  if (!found->second.state || !found->second.damage.empty()) return std::nullopt;
  return found->second.state->size;
}

TEST_CASE("nothing counts behind a hole in what was not durable") {
  for (const bool head : {true, false}) {
    CAPTURE(head);
    HandLog log;
    log.add(hole(1, 10));
    log.flush();
    const uint64_t lost = log.add(hole(2, 20));
    // The new name of the file is lost: that its old one is forgotten must be, too.
    log.add(ForgetRecord{.file = 1});
    head ? log.lose(lost) : log.lose_body(lost);
    const Replay replay = log.replay();
    CHECK_FALSE(replay.damaged);
    CHECK(replay.end == lost);
    CHECK(size_of(replay, 1) == 10);
    CHECK_FALSE(size_of(replay, 2));
  }
}

TEST_CASE("records that nobody waited for are not durable for the next ones") {
  HandLog log;
  log.add(hole(1, 10));
  log.flush();
  const uint64_t lost = log.add(UploadEndedRecord{.upload_id = "u"});
  log.add(hole(1, 11));
  log.add(hole(2, 20));
  log.lose(lost, 60);
  const Replay replay = log.replay();
  CHECK_FALSE(replay.damaged);
  CHECK(size_of(replay, 1) == 10);
}

TEST_CASE("a lost head makes all files doubtful that were written before it") {
  HandLog log;
  log.add(hole(1, 10));
  log.add(hole(2, 10));
  log.flush();
  const uint64_t lost = log.add(hole(1, 11));
  log.flush();
  log.add(hole(2, 12));
  log.flush();
  log.add(hole(3, 13));
  log.lose(lost);
  const Replay replay = log.replay();
  CHECK(replay.damaged);
  CHECK_FALSE(size_of(replay, 1));
  CHECK(size_of(replay, 2) == 12);
  CHECK(size_of(replay, 3) == 13);
  CHECK(replay.end == log.size());
}

TEST_CASE("a lost body costs only the file that it was about") {
  HandLog log;
  log.add(hole(1, 10));
  log.add(hole(2, 10));
  log.flush();
  const uint64_t lost = log.add(hole(1, 11));
  log.flush();
  log.add(hole(3, 13));
  log.lose_body(lost);
  const Replay replay = log.replay();
  CHECK(replay.damaged);
  CHECK_FALSE(size_of(replay, 1));
  CHECK(size_of(replay, 2) == 10);
  CHECK(size_of(replay, 3) == 13);
  REQUIRE(replay.live.files().contains(1));
  CHECK(replay.live.files().at(1).damage.starts_with("the journal's log is damaged at"));
}

TEST_CASE("a later state, or the end, of a file whose state was lost is enough") {
  HandLog log;
  const uint64_t first = log.add(hole(1, 10));
  const uint64_t second = log.add(hole(2, 10));
  log.flush();
  log.add(hole(1, 11));
  log.add(ForgetRecord{.file = 2});
  log.lose_body(first);
  log.lose_body(second);
  const Replay replay = log.replay();
  CHECK(replay.damaged);
  CHECK(size_of(replay, 1) == 11);
  CHECK_FALSE(replay.live.files().contains(2));
}

TEST_CASE("a new log is whole, or damaged") {
  const HandLog whole({hole(1, 10), hole(2, 20)});
  CHECK(size_of(whole.replay(), 2) == 20);
  HandLog log({hole(1, 10), hole(2, 20)});
  // The last record; nothing was written behind it.
  log.lose(log.size() - 1, 1);
  const Replay replay = log.replay();
  CHECK(replay.damaged);
  CHECK(size_of(replay, 1) == 10);
  CHECK_FALSE(size_of(replay, 2));
  REQUIRE(replay.live.files().contains(2));
}

TEST_CASE("no number that a log names is given again") {
  HandLog log;
  log.add(hole(7, 10));
  log.add(ForgetRecord{.file = 7});
  CHECK(log.replay().next_file == 8);
  LiveRecords live;
  const Bytes bytes = live.encode({.identity = "i", .next_file = 5, .next_segment = 6}, log_salt);
  const Replay replay = replay_log(bytes, [](uint64_t) { return nullptr; });
  CHECK(replay.next_file == 5);
  CHECK(replay.next_segment == 6);
}

TEST_CASE("a record is one only at its place in its log") {
  // A key with the bytes of a record in it, where the search for the next record passes.
  HandLog log;
  log.add(hole(1, 10));
  Bytes inner;
  append_record(ForgetRecord{.file = 1}, {.salt = log_salt + 1, .start = log.size() + 35}, inner);
  JournalState state = hole(2, 10);
  state.key = std::string(reinterpret_cast<const char*>(inner.data()), inner.size());
  const uint64_t lost = log.add(state);
  log.flush();
  log.add(hole(3, 30));
  log.lose(lost);
  const Replay replay = log.replay();
  CHECK(replay.damaged);
  CHECK(replay.live.files().contains(1));
  CHECK(size_of(replay, 3) == 30);
}

TEST_CASE("states that cannot be are refused") {
  const auto refused = [](JournalState state) { return check_record(state).has_value() == false; };
  const JournalState good = hole(1, 10);
  CHECK_FALSE(refused(good));
  const auto with = [&](const std::function<void(JournalState&)>& change) {
    JournalState state = good;
    change(state);
    return refused(std::move(state));
  };
  CHECK(with([](JournalState& s) { s.file = 0; }));
  CHECK(with([](JournalState& s) { s.file = 1ULL << 60; }));
  CHECK(with([](JournalState& s) { s.key.clear(); }));
  CHECK(with([](JournalState& s) { s.key.assign(4097, 'k'); }));
  CHECK(with([](JournalState& s) { s.size = 11; }));
  CHECK(with([](JournalState& s) { s.size = 9; }));
  CHECK(with([](JournalState& s) { s.size = (1ULL << 60) + 1; }));
  CHECK(with([](JournalState& s) { s.ranges[0].offset = 1; }));
  CHECK(with([](JournalState& s) { s.ranges[0].length = UINT64_MAX; }));
  CHECK(with([](JournalState& s) { s.ranges.push_back({.offset = 10, .length = 0}); }));
  CHECK(with([](JournalState& s) { s.ranges.push_back({.offset = 5, .length = 5}); }));
  CHECK(with([](JournalState& s) { s.ranges[0].kind = JournalRange::Kind::base; }));
  CHECK(with([](JournalState& s) { s.ranges[0].kind = JournalRange::Kind::piece; }));
  CHECK(with([](JournalState& s) { s.metadata["m"] = std::string(256 * 1024, 'v'); }));
  CHECK(with([](JournalState& s) { s.replaces.assign(70'000, 'e'); }));
  const auto with_piece = [&](JournalPiece piece, uint64_t skip) {
    return with([&](JournalState& s) {
      s.ranges[0].kind = JournalRange::Kind::piece;
      s.ranges[0].piece = std::make_shared<const JournalPiece>(piece);
      s.ranges[0].skip = skip;
    });
  };
  CHECK_FALSE(with_piece({.length = 12}, 2));
  CHECK(with_piece({.length = 12}, 3));
  CHECK(with_piece({.length = 12}, UINT64_MAX));
  CHECK(with_piece({.length = 9}, 0));
  CHECK(with_piece({.length = (16ULL << 20) + 1}, 0));
  CHECK(with_piece({.position = UINT64_MAX, .length = 10}, 0));
}

}  // namespace
}  // namespace penstock
