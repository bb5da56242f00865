// SPDX-License-Identifier: Apache-2.0
#include "journal/log_record.h"

#include <utility>

#include "journal/codec.h"

namespace penstock {
namespace {

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message)}; }

Result<void> check_metadata(const Metadata& metadata) {
  uint64_t bytes = 0;
  for (const auto& [name, value] : metadata) bytes += name.size() + value.size();
  if (bytes > JournalLimits::metadata)
    return Error(Code::too_large, "the metadata are too long for the journal");
  return {};
}

Result<void> check_range(const JournalRange& range, const JournalState& state) {
  switch (range.kind) {
    case JournalRange::Kind::hole:
      return {};
    case JournalRange::Kind::base:
      if (!state.base || range.offset + range.length > state.base->size)
        return invalid("a range of the base that it does not have");
      return {};
    case JournalRange::Kind::piece:
      break;
  }
  const JournalPiece* const piece = range.piece.get();
  if (piece == nullptr) return invalid("a range without its piece");
  if (piece->length == 0 || piece->length > JournalLimits::piece ||
      piece->position > JournalLimits::segment)
    return invalid("a piece that cannot be");
  if (range.length > piece->length || range.skip > piece->length - range.length)
    return invalid("a range beyond its piece");
  return {};
}

Result<void> check(const JournalState& state) {
  if (state.key.empty() || state.key.size() > JournalLimits::key)
    return invalid("a key of an impossible length");
  if (state.size > JournalLimits::number) return Error(Code::too_large, "a file over 1 EiB");
  if (state.ranges.size() > JournalLimits::ranges)
    return Error(Code::too_large, "the file has more pieces than the journal can list");
  if (state.replaces.size() > JournalLimits::text) return invalid("an ETag that cannot be");
  if (Result<void> result = check_metadata(state.metadata); !result) return result;
  if (state.base) {
    if (state.base->key.size() > JournalLimits::key || state.base->size > JournalLimits::number ||
        state.base->etag.size() > JournalLimits::text)
      return invalid("a base that cannot be");
    if (state.base->metadata) {
      if (Result<void> result = check_metadata(*state.base->metadata); !result) return result;
    }
  }
  uint64_t offset = 0;
  for (const JournalRange& range : state.ranges) {
    if (range.offset != offset || range.length == 0 || range.length > state.size - offset)
      return invalid("ranges that are not the file from its start to its end");
    offset += range.length;
    if (Result<void> result = check_range(range, state); !result) return result;
  }
  if (offset != state.size) return invalid("ranges that end before the file does");
  return {};
}

Result<void> check(const JournalUpload& upload) {
  if (upload.key.empty() || upload.key.size() > JournalLimits::key)
    return invalid("a key of an impossible length");
  if (upload.upload_id.empty() || upload.upload_id.size() > JournalLimits::text)
    return invalid("an upload id of an impossible length");
  return check_metadata(upload.metadata);
}
Result<void> check(const UploadEndedRecord& ended) {
  if (ended.upload_id.size() > JournalLimits::text)
    return invalid("an upload id of an impossible length");
  return {};
}
Result<void> check(const OwnerRecord& owner) {
  if (owner.identity.size() > JournalLimits::text || owner.prefix.size() > JournalLimits::text)
    return invalid("an identity of an impossible length");
  if (owner.next_file > JournalLimits::number || owner.next_segment > JournalLimits::number)
    return invalid("numbers that cannot be");
  return {};
}
Result<void> check(const ForgetRecord&) { return {}; }
Result<void> check(const FailureRecord& failure) {
  if (failure.message.size() > JournalLimits::text) return invalid("a message that is too long");
  return {};
}
Result<void> check(const DamageRecord& damage) {
  // Who reads takes an empty one for "not damaged".
  if (damage.reason.empty() || damage.reason.size() > JournalLimits::text)
    return invalid("a reason of an impossible length");
  return {};
}

bool may_have_file(RecordType type) {
  return type != RecordType::owner && type != RecordType::upload_ended;
}

/// An upload may be nobody's: then it is only to be aborted.
bool needs_file(RecordType type) { return may_have_file(type) && type != RecordType::upload_began; }

}  // namespace

RecordType type_of(const LogRecord& record) noexcept {
  return static_cast<RecordType>(record.index() + 1);
}

uint64_t file_of(const LogRecord& record) noexcept {
  return std::visit(
      [](const auto& any) -> uint64_t {
        if constexpr (requires { any.file; }) {
          return any.file;
        } else {
          return 0;
        }
      },
      record);
}

Result<void> check_record(const LogRecord& record) {
  const uint64_t file = file_of(record);
  const RecordType type = type_of(record);
  const bool wrong = may_have_file(type) ? file >= JournalLimits::number : file != 0;
  if (wrong || (file == 0 && needs_file(type))) return invalid("a file number that cannot be");
  return std::visit([](const auto& any) { return check(any); }, record);
}

}  // namespace penstock
