// SPDX-License-Identifier: Apache-2.0
#include "journal/replay.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "journal/log_format.h"

namespace penstock {
namespace {

class Replayer {
 public:
  Replayer(std::span<const std::byte> log, const SegmentSource& source)
      : log_(log), source_([this, &source](uint64_t number) {
          replay_.next_segment = std::max(replay_.next_segment, number + 1);
          return source(number);
        }) {}

  Replay run() {
    const LogHeader header = decode_log_header(log_);
    if (header.check == LogHeader::Check::unknown_version) {
      fail(Replay::Outcome::unknown_version, fmt::format("has version {}", header.version));
    } else if (header.check == LogHeader::Check::damaged) {
      fail(Replay::Outcome::unreadable, "has a damaged header");
    } else {
      replay_.salt = header.salt;
      replay_.outcome = Replay::Outcome::good;
      read_records();
    }
    return std::move(replay_);
  }

 private:
  void fail(Replay::Outcome outcome, std::string problem) {
    replay_.outcome = outcome;
    replay_.problem = std::move(problem);
  }

  void read_records() {
    LogScanner scanner(log_, replay_.salt);
    const std::optional<RawRecord> first = scanner.next();
    if (!first || scanner.gap() || !read_owner(*first)) {
      if (replay_.outcome == Replay::Outcome::good)
        fail(Replay::Outcome::unreadable, "does not say whose it is");
      return;
    }
    durable_ = std::max(replay_.owner.whole_until, durable_end(log_, replay_.salt));
    replay_.end = end_of(*first);
    while (const std::optional<RawRecord> record = scanner.next()) {
      if (scanner.gap() && !lost(*scanner.gap())) return;
      if (!record->whole && record->offset >= durable_) return;
      if (!record->whole) {
        lost_body(*record);
      } else if (!read(*record)) {
        return;
      }
      replay_.end = end_of(*record);
    }
    if (scanner.gap()) lost(*scanner.gap());
    if (log_.size() < durable_) lost(log_.size());
  }

  static uint64_t end_of(const RawRecord& record) {
    return record.offset + record_head_size + record.body.size();
  }

  bool read_owner(const RawRecord& raw) {
    if (!raw.whole || raw.type != static_cast<uint8_t>(RecordType::owner)) return false;
    std::optional<LogRecord> record = decode_body(RecordType::owner, raw.file, raw.body, source_);
    if (!record) return false;
    replay_.owner = std::move(std::get<OwnerRecord>(*record));
    replay_.next_file = std::max<uint64_t>(1, replay_.owner.next_file);
    replay_.next_segment = std::max<uint64_t>(1, replay_.owner.next_segment);
    return true;
  }

  /// False where the log must not be read on.
  bool read(const RawRecord& raw) {
    if (raw.type == 0 || raw.type > record_types) {
      fail(Replay::Outcome::unknown_version,
           fmt::format("has version {} and a record of type {}", log_version, raw.type));
      return false;
    }
    const auto type = static_cast<RecordType>(raw.type);
    std::optional<LogRecord> record = decode_body(type, raw.file, raw.body, source_);
    if (!record || type == RecordType::owner) {
      lost_body(raw);
      return true;
    }
    saw_file(raw.file);
    std::vector<JournalState> dropped;
    replay_.live.apply(std::move(*record), record_head_size + raw.body.size(), dropped);
    return true;
  }

  void saw_file(uint64_t file) {
    if (file < JournalLimits::number) replay_.next_file = std::max(replay_.next_file, file + 1);
  }

  /// Unreadable bytes at `offset`. False where they are what a crash left, and the log ends there.
  bool lost(uint64_t offset) {
    if (offset >= durable_) return false;
    replay_.damaged = true;
    // Whose newer state, or end, was in there is not known.
    replay_.live.mark_all(fmt::format(
        "the journal's log is damaged at {}, where newer data of the file may have been", offset));
    return true;
  }

  /// A record whose head says which file it is about, and whose body is lost.
  void lost_body(const RawRecord& raw) {
    replay_.damaged = true;
    saw_file(raw.file);
    const bool tells_of_file = raw.type == static_cast<uint8_t>(RecordType::state) ||
                               raw.type == static_cast<uint8_t>(RecordType::damage);
    if (!tells_of_file || raw.file == 0 || raw.file >= JournalLimits::number) return;
    std::vector<JournalState> dropped;
    replay_.live.apply(
        DamageRecord{.file = raw.file,
                     .reason = fmt::format("the journal's log is damaged at {}", raw.offset)},
        0, dropped);
  }

  std::span<const std::byte> log_;
  Replay replay_;
  SegmentSource source_;
  uint64_t durable_ = 0;
};

}  // namespace

Replay replay_log(std::span<const std::byte> log, const SegmentSource& source) {
  return Replayer(log, source).run();
}

}  // namespace penstock
