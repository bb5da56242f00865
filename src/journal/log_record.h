// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "journal/journal_state.h"
#include "penstock/result.h"

namespace penstock {

/// The first record of each log: whose it is.
struct OwnerRecord {
  std::string identity;
  std::string prefix;
  int64_t created_ns = 0;     ///< When the folder was made, since the epoch.
  uint64_t next_file = 1;     ///< Files have lower numbers.
  uint64_t next_segment = 1;  ///< So have segments.
  /// The log was durable up to this offset before it got its name.
  uint64_t whole_until = 0;
};
struct ForgetRecord {
  uint64_t file = 0;
};
struct FailureRecord {
  uint64_t file = 0;
  int64_t time_ns = 0;
  std::string message;
};
struct UploadEndedRecord {
  std::string upload_id;
};
/// What is known of the file must not be used.
struct DamageRecord {
  uint64_t file = 0;
  std::string reason;
};
using LogRecord = std::variant<OwnerRecord, JournalState, ForgetRecord, FailureRecord,
                               JournalUpload, UploadEndedRecord, DamageRecord>;

/// As the log has them: 1 is the first alternative of LogRecord.
enum class RecordType : uint8_t {
  owner = 1,
  state,
  forget,
  failure,
  upload_began,
  upload_ended,
  damage,
};
constexpr uint8_t record_types = 7;

/// What no record passes. Whoever reads a log that says otherwise reads damage.
struct JournalLimits {
  static constexpr uint64_t number = 1ULL << 60;  ///< Files, segments, sizes.
  static constexpr uint64_t key = 4096;
  static constexpr uint64_t text = 64ULL << 10;       ///< Other strings.
  static constexpr uint64_t metadata = 256ULL << 10;  ///< Names and values of one file together.
  static constexpr uint64_t ranges = 1ULL << 21;      ///< Of one file.
  static constexpr uint64_t piece = 16ULL << 20;
  static constexpr uint64_t segment = 64ULL << 20;  ///< A segment that has reached this is full.
  static constexpr uint64_t body = 96ULL << 20;     ///< Of a record.
  static constexpr uint64_t log = 256ULL << 20;
};

/// The segment of this number. May be null, and then pieces have none.
using SegmentSource = std::function<std::shared_ptr<const JournalSegment>(uint64_t number)>;

/// What is wrong with a record that is to be written: invalid_argument, or too_large.
Result<void> check_record(const LogRecord& record);

RecordType type_of(const LogRecord& record) noexcept;
/// 0 for records that are not about one.
uint64_t file_of(const LogRecord& record) noexcept;

/// Appends the record's body. What check_record refuses must not be given.
void encode_body(const LogRecord& record, std::vector<std::byte>& out);
/// Nothing where anything about it is wrong.
std::optional<LogRecord> decode_body(RecordType type, uint64_t file,
                                     std::span<const std::byte> body, const SegmentSource& source);

}  // namespace penstock
