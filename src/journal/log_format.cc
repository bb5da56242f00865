// SPDX-License-Identifier: Apache-2.0
#include "journal/log_format.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "journal/codec.h"
#include "journal/segment.h"

namespace penstock {
namespace {

constexpr std::string_view log_magic = "PSTKJRN1";
constexpr uint64_t header_summed = log_header_size - sizeof(uint64_t);
constexpr uint64_t head_summed = record_head_size - sizeof(uint32_t);

uint32_t head_sum(std::span<const std::byte> head, uint64_t salt, uint64_t offset) noexcept {
  return static_cast<uint32_t>(journal_hash(head, salt + offset));
}

}  // namespace

void encode_log_header(uint64_t salt, std::vector<std::byte>& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.raw(log_magic);
  writer.number(log_version);
  writer.number(salt);
  writer.number(journal_hash(std::span(out).subspan(start)));
}

LogHeader decode_log_header(std::span<const std::byte> log) noexcept {
  LogHeader header;
  if (log.size() < log_header_size) return header;
  if (memcmp(log.data(), log_magic.data(), log_magic.size()) != 0) return header;
  ByteReader reader(log.subspan(log_magic.size()));
  header.version = reader.number<uint32_t>();
  header.salt = reader.number<uint64_t>();
  if (reader.number<uint64_t>() != journal_hash(log.first(header_summed))) return header;
  header.check =
      header.version == log_version ? LogHeader::Check::good : LogHeader::Check::unknown_version;
  return header;
}

uint64_t append_record(const LogRecord& record, const LogPlace& place,
                       std::vector<std::byte>& out) {
  const size_t start = out.size();
  out.resize(start + record_head_size);
  encode_body(record, out);
  const auto body = std::span<const std::byte>(out).subspan(start + record_head_size);
  const uint64_t body_sum = journal_hash(body, place.salt);
  std::byte* const head = out.data() + start;
  ByteWriter::store(head, static_cast<uint32_t>(body.size()));
  ByteWriter::store(head + 4, static_cast<uint8_t>(type_of(record)));
  ByteWriter::store(head + 5, file_of(record));
  ByteWriter::store(head + 13, place.durable);
  ByteWriter::store(head + 21, body_sum);
  ByteWriter::store(head + head_summed,
                    head_sum({head, head_summed}, place.salt, place.start + start));
  return out.size() - start;
}

std::optional<RawRecord> LogScanner::head_at(uint64_t offset) const {
  const auto rest = log_.subspan(offset);
  if (rest.size() < record_head_size) return std::nullopt;
  ByteReader reader(rest);
  const auto length = reader.number<uint32_t>();
  RawRecord record{.type = reader.number<uint8_t>(),
                   .file = reader.number<uint64_t>(),
                   .durable = reader.number<uint64_t>(),
                   .offset = offset};
  const auto body_sum = reader.number<uint64_t>();
  // Cheap, and lets a search pass over most of what is no head.
  if (length > JournalLimits::body || record.durable > offset) return std::nullopt;
  if (reader.number<uint32_t>() != head_sum(rest.first(head_summed), salt_, offset))
    return std::nullopt;
  const auto body = rest.subspan(record_head_size);
  record.body = body.first(std::min<uint64_t>(length, body.size()));
  record.whole = record.body.size() == length && journal_hash(record.body, salt_) == body_sum;
  return record;
}

std::optional<RawRecord> LogScanner::next() {
  gap_.reset();
  for (; at_ < log_.size(); ++at_) {
    std::optional<RawRecord> record = head_at(at_);
    if (record) {
      at_ += record_head_size + record->body.size();
      return record;
    }
    if (!gap_) gap_ = at_;
  }
  return std::nullopt;
}

uint64_t durable_end(std::span<const std::byte> log, uint64_t salt) {
  uint64_t end = 0;
  LogScanner scanner(log, salt);
  while (const std::optional<RawRecord> record = scanner.next())
    end = std::max(end, record->durable);
  return end;
}

}  // namespace penstock
