// SPDX-License-Identifier: Apache-2.0
// The example in docs/journal-format.md, byte for byte.
#include <fmt/core.h>

#include <algorithm>
#include <sstream>

#include "journal/log_format.h"
#include "journal/replay.h"
#include "journal/segment.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t salt = 0x1122334455667788;

std::shared_ptr<SegmentFolder> folder() {
  return std::make_shared<SegmentFolder>(std::make_shared<FaultyDisk>(), "/none", Log::none());
}

JournalState example_state() {
  const std::string text = "hello";
  Bytes bytes(text.size());
  std::ranges::transform(text, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  JournalState state{.file = 1, .key = "p/k", .size = 8, .metadata = {{"mode", "33188"}}};
  state.since_ns = 1'000'000'000;
  state.ranges = {{.kind = JournalRange::Kind::piece,
                   .length = 5,
                   .piece = std::make_shared<const JournalPiece>(
                       JournalPiece{.segment = JournalSegment::named(folder(), 1),
                                    .length = 5,
                                    .hash = journal_hash(bytes)})},
                  {.kind = JournalRange::Kind::hole, .offset = 5, .length = 3}};
  return state;
}

/// A new log, a state in it, and that the file is forgotten.
Bytes example() {
  const OwnerRecord owner{.identity = "s3://b", .prefix = "p/", .created_ns = 1'000'000'000};
  Bytes log = LiveRecords().encode(owner, salt);
  append_record(example_state(), {.salt = salt, .durable = log.size()}, log);
  append_record(ForgetRecord{.file = 1}, {.salt = salt, .durable = log.size()}, log);
  return log;
}

/// Lines "    0010  xx xx ...   what it is".
Bytes bytes_in_page() {
  std::ifstream page(PENSTOCK_JOURNAL_PAGE);
  Bytes bytes;
  for (std::string line; std::getline(page, line);) {
    const bool dump = line.size() > 12 && line.find_first_not_of(' ') == 4 &&
                      line.find_first_not_of("0123456789abcdef", 4) == 8 &&
                      line.substr(8, 2) == "  ";
    if (!dump) continue;
    CHECK(std::stoul(line.substr(4, 4), nullptr, 16) == bytes.size());
    std::istringstream pairs(line.substr(10, line.find("   ", 10) - 10));
    for (std::string pair; pairs >> pair;)
      bytes.push_back(static_cast<std::byte>(std::stoul(pair, nullptr, 16)));
  }
  return bytes;
}

std::string dump(const Bytes& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) text += fmt::format("\n    {:04x} ", i);
    text += fmt::format(" {:02x}", static_cast<unsigned>(bytes[i]));
  }
  return text;
}

TEST_CASE("the example of the documentation is what is written") {
  INFO(dump(example()));
  CHECK(bytes_in_page() == example());
}

TEST_CASE("the example of the documentation is read") {
  const Bytes bytes = bytes_in_page();
  REQUIRE_FALSE(bytes.empty());
  // Without its last record.
  const auto log = std::span(bytes).first(bytes.size() - record_head_size);
  const Replay replay = replay_log(log, [](uint64_t) { return nullptr; });
  CHECK(replay.outcome == Replay::Outcome::good);
  CHECK(replay.owner.identity == "s3://b");
  CHECK(replay.owner.prefix == "p/");
  CHECK(replay.salt == salt);
  REQUIRE(replay.live.files().contains(1));
  const JournalState& state = *replay.live.files().at(1).state;
  CHECK(state.key == "p/k");
  CHECK(state.metadata == Metadata{{"mode", "33188"}});
  REQUIRE(state.ranges.size() == 2);
  CHECK(state.ranges[0].piece->hash == example_state().ranges[0].piece->hash);
  CHECK(state.ranges[1].length == 3);
}

}  // namespace
}  // namespace penstock
