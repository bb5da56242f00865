// SPDX-License-Identifier: Apache-2.0
// What a mount that died has left in its journal.
#include <algorithm>
#include <memory>
#include <vector>

#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "journal/codec.h"
#include "journal/log_format.h"
#include "journal/replay.h"
#include "journal/segment.h"

namespace penstock::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

/// The segments of a journal of which no file is ever opened.
SegmentSource no_files() {
  const auto folder = std::make_shared<SegmentFolder>(Disk::system(), "/nowhere", nullptr);
  return [folder](uint64_t number) { return JournalSegment::named(folder, number); };
}

/// Where the parts of a header and of a record's head are: docs/journal-format.md.
constexpr size_t salt_at = 12;
constexpr size_t body_sum_at = 21;

/// Gives the log, and each record as long as they follow each other, the sums that it should have.
void repair(Bytes& log) {
  if (log.size() < log_header_size) return;
  const std::span all(log);
  ByteWriter::store(&log[log_header_size - 8], journal_hash(all.first(log_header_size - 8)));
  const auto salt = ByteReader(all.subspan(salt_at)).number<uint64_t>();
  for (size_t at = log_header_size; log.size() - at >= record_head_size;) {
    const auto head = all.subspan(at, record_head_size);
    const uint64_t length = ByteReader(head).number<uint32_t>();
    if (length > log.size() - at - record_head_size) return;
    const auto body = all.subspan(at + record_head_size, length);
    ByteWriter::store(&head[body_sum_at], journal_hash(body, salt));
    const auto summed = head.first(record_head_size - sizeof(uint32_t));
    ByteWriter::store(&head[summed.size()], static_cast<uint32_t>(journal_hash(summed, salt + at)));
    at += record_head_size + length;
  }
}

Bytes body_of(const LogRecord& record) {
  Bytes bytes;
  encode_body(record, bytes);
  return bytes;
}

bool same_live(const LiveRecords& one, const LiveRecords& other) {
  const auto same_files = [](const auto& a, const auto& b) {
    const LiveRecords::File& first = a.second;
    const LiveRecords::File& second = b.second;
    if (a.first != b.first || first.damage != second.damage) return false;
    if (first.state.has_value() != second.state.has_value()) return false;
    return !first.state || body_of(*first.state) == body_of(*second.state);
  };
  const auto same_uploads = [](const JournalUpload& a, const JournalUpload& b) {
    return a.file == b.file && body_of(a) == body_of(b);
  };
  return std::ranges::equal(one.files(), other.files(), same_files) &&
         std::ranges::equal(one.uploads(), other.uploads(), same_uploads);
}

void whole_log(std::span<const std::byte> bytes) {
  const Replay replay = replay_log(bytes, no_files());
  if (replay.outcome != Replay::Outcome::good)
    return must(!replay.problem.empty(), "what cannot be read is explained");
  must(replay.end <= bytes.size(), "the log ends in its file");
  for (const auto& [number, file] : replay.live.files()) {
    must(number < replay.next_file, "the next file is a new one");
    if (file.state) must(check_record(*file.state).has_value(), "a state is one");
    must(file.state || !file.damage.empty() || file.failure, "something is known of a file");
  }
  const Bytes written = replay.live.encode(replay.owner, replay.salt);
  const Replay again = replay_log(written, no_files());
  must(again.outcome == Replay::Outcome::good && !again.damaged, "a log that is written is whole");
  must(same_live(again.live, replay.live), "and has what was in the other");
}

}  // namespace

/// As it is, and with the sums that it should have.
void journal_log(std::string_view input) {
  const auto* const begin = reinterpret_cast<const std::byte*>(input.data());
  Bytes bytes(begin, begin + input.size());
  whole_log(bytes);
  repair(bytes);
  whole_log(bytes);
}

/// The type of a record, the number of its file in the next byte, and its body.
void journal_record(std::string_view input) {
  if (input.size() < 2) return;
  const auto type = static_cast<RecordType>(1 + static_cast<uint8_t>(input[0]) % record_types);
  const uint64_t file = static_cast<uint8_t>(input[1]);
  const auto body = std::as_bytes(std::span(input.substr(2)));
  const auto record = decode_body(type, file, body, no_files());
  if (!record) return;
  must(type_of(*record) == type && file_of(*record) == file, "a record is what its head says");
  must(check_record(*record).has_value(), "and keeps to the limits");
  const Bytes written = body_of(*record);
  const auto again = decode_body(type, file, written, no_files());
  must(again && body_of(*again) == written, "one that is written is read as the same");
}

}  // namespace penstock::fuzz
