// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "journal/log_record.h"

namespace penstock {

constexpr uint32_t log_version = 1;
constexpr uint64_t log_header_size = 28;
constexpr uint64_t record_head_size = 33;

/// Starts a log. Its `salt` is the seed of all its checksums: bytes of another log, or of a file's
/// key that look like a record, are none.
void encode_log_header(uint64_t salt, std::vector<std::byte>& out);

struct LogHeader {
  enum class Check : uint8_t { good, unknown_version, damaged };
  Check check = Check::damaged;
  uint32_t version = 0;
  uint64_t salt = 0;
};
LogHeader decode_log_header(std::span<const std::byte> log) noexcept;

/// Where records that are appended get to lie.
struct LogPlace {
  uint64_t salt = 0;
  uint64_t start = 0;    ///< Offset in the log of the first byte of the vector.
  uint64_t durable = 0;  ///< What is in the log before this offset is surely on the disk.
};
/// Appends a whole record, head and body. Returns its length.
uint64_t append_record(const LogRecord& record, const LogPlace& place, std::vector<std::byte>& out);

/// A record as it lies in a log.
struct RawRecord {
  uint8_t type = 0;
  uint64_t file = 0;
  uint64_t durable = 0;
  uint64_t offset = 0;
  std::span<const std::byte> body;  ///< Cut off where the log ends.
  bool whole = false;               ///< The body is as it was written. The head always is.
};

/// Finds one record after the other, and after bytes that are none the next one that is.
class LogScanner {
 public:
  /// `log` is all of it, with a header that is good.
  LogScanner(std::span<const std::byte> log, uint64_t salt) : log_(log), salt_(salt) {}

  /// Nothing at the end of the log.
  std::optional<RawRecord> next();
  /// Where unreadable bytes began before the record that `next` returned last, or at the end.
  const std::optional<uint64_t>& gap() const noexcept { return gap_; }

 private:
  std::optional<RawRecord> head_at(uint64_t offset) const;

  std::span<const std::byte> log_;
  uint64_t salt_;
  uint64_t at_ = log_header_size;
  std::optional<uint64_t> gap_;
};

/// The end of what was durable when the newest record was written. Unreadable bytes before it are
/// damage; behind it they may be what a crash left of records that nobody was told are safe.
uint64_t durable_end(std::span<const std::byte> log, uint64_t salt);

}  // namespace penstock
