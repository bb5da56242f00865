// SPDX-License-Identifier: Apache-2.0
// The bodies of the log's records as bytes; docs/journal-format.md has their grammar.
#include <unordered_map>
#include <utility>

#include "journal/codec.h"
#include "journal/log_record.h"
#include "journal/segment.h"

namespace penstock {
namespace {

void encode_metadata(ByteWriter& writer, const Metadata& metadata) {
  writer.varint(metadata.size());
  for (const auto& [name, value] : metadata) {
    writer.string(name);
    writer.string(value);
  }
}

Metadata decode_metadata(ByteReader& reader) {
  Metadata metadata;
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; i < count && reader.good(); ++i) {
    std::string name = reader.string(JournalLimits::metadata);
    metadata[std::move(name)] = reader.string(JournalLimits::metadata);
  }
  return metadata;
}

void encode_base(ByteWriter& writer, const std::optional<ObjectInfo>& base) {
  // 0: no base; 1: one of unknown metadata; 2: with metadata.
  writer.number(static_cast<uint8_t>(!base ? 0 : !base->metadata ? 1 : 2));
  if (!base) return;
  writer.string(base->key);
  writer.varint(base->size);
  writer.string(base->etag);
  if (base->metadata) encode_metadata(writer, *base->metadata);
}

/// False where it cannot be.
bool decode_base(ByteReader& reader, std::optional<ObjectInfo>& base) {
  const auto kind = reader.number<uint8_t>();
  if (kind > 2) return false;
  if (kind == 0) return true;
  base.emplace();
  base->key = reader.string(JournalLimits::key);
  base->size = reader.varint();
  base->etag = reader.string(JournalLimits::text);
  if (kind == 2) base->metadata = decode_metadata(reader);
  return reader.good();
}

/// The pieces that ranges name, each once: an overwritten middle leaves two ranges of one piece.
void encode_ranges(ByteWriter& writer, const std::vector<JournalRange>& ranges) {
  std::unordered_map<const JournalPiece*, uint64_t> index;
  std::vector<const JournalPiece*> pieces;
  for (const JournalRange& range : ranges) {
    if (range.kind == JournalRange::Kind::piece &&
        index.try_emplace(range.piece.get(), pieces.size()).second)
      pieces.push_back(range.piece.get());
  }
  writer.varint(pieces.size());
  for (const JournalPiece* piece : pieces) {
    writer.varint(piece->segment->number());
    writer.varint(piece->position);
    writer.varint(piece->length);
    writer.number(piece->hash);
  }
  writer.varint(ranges.size());
  for (const JournalRange& range : ranges) {
    writer.number(static_cast<uint8_t>(range.kind));
    writer.varint(range.length);
    if (range.kind != JournalRange::Kind::piece) continue;
    writer.varint(index[range.piece.get()]);
    writer.varint(range.skip);
  }
}

bool decode_pieces(ByteReader& reader, const SegmentSource& source,
                   std::vector<std::shared_ptr<const JournalPiece>>& pieces) {
  const uint64_t count = reader.varint();
  if (count > JournalLimits::ranges) return false;
  for (uint64_t i = 0; i < count && reader.good(); ++i) {
    const uint64_t segment = reader.varint();
    const uint64_t position = reader.varint();
    const uint64_t length = reader.varint();
    const auto hash = reader.number<uint64_t>();
    if (!reader.good() || segment == 0 || segment >= JournalLimits::number) return false;
    pieces.push_back(std::make_shared<const JournalPiece>(
        JournalPiece{source(segment), position, length, hash}));
  }
  return reader.good();
}

bool decode_ranges(ByteReader& reader, const SegmentSource& source,
                   std::vector<JournalRange>& ranges) {
  std::vector<std::shared_ptr<const JournalPiece>> pieces;
  if (!decode_pieces(reader, source, pieces)) return false;
  const uint64_t count = reader.varint();
  if (count > JournalLimits::ranges) return false;
  uint64_t offset = 0;
  for (uint64_t i = 0; i < count && reader.good(); ++i) {
    const auto kind = reader.number<uint8_t>();
    if (kind > static_cast<uint8_t>(JournalRange::Kind::base)) return false;
    JournalRange range{
        .kind = static_cast<JournalRange::Kind>(kind), .offset = offset, .length = reader.varint()};
    if (range.length > JournalLimits::number - offset) return false;
    offset += range.length;
    if (range.kind == JournalRange::Kind::piece) {
      const uint64_t index = reader.varint();
      if (index >= pieces.size()) return false;
      range.piece = pieces[index];
      range.skip = reader.varint();
    }
    ranges.push_back(std::move(range));
  }
  return reader.good();
}

void encode(ByteWriter& writer, const OwnerRecord& owner) {
  writer.string(owner.identity);
  writer.string(owner.prefix);
  writer.number(owner.created_ns);
  writer.varint(owner.next_file);
  writer.varint(owner.next_segment);
  // Always as long: it is known only when the rest of the log is.
  writer.number(owner.whole_until);
}
void encode(ByteWriter& writer, const JournalState& state) {
  writer.string(state.key);
  writer.varint(state.size);
  writer.number(state.since_ns);
  writer.string(state.replaces);
  encode_metadata(writer, state.metadata);
  encode_base(writer, state.base);
  encode_ranges(writer, state.ranges);
}
void encode(ByteWriter&, const ForgetRecord&) {}
void encode(ByteWriter& writer, const FailureRecord& failure) {
  writer.number(failure.time_ns);
  writer.string(failure.message);
}
void encode(ByteWriter& writer, const JournalUpload& upload) {
  writer.string(upload.key);
  writer.string(upload.upload_id);
  encode_metadata(writer, upload.metadata);
}
void encode(ByteWriter& writer, const UploadEndedRecord& ended) { writer.string(ended.upload_id); }
void encode(ByteWriter& writer, const DamageRecord& damage) { writer.string(damage.reason); }

std::optional<LogRecord> decode_state(ByteReader& reader, uint64_t file,
                                      const SegmentSource& source) {
  JournalState state{.file = file};
  state.key = reader.string(JournalLimits::key);
  state.size = reader.varint();
  state.since_ns = reader.number<int64_t>();
  state.replaces = reader.string(JournalLimits::text);
  state.metadata = decode_metadata(reader);
  if (!decode_base(reader, state.base)) return std::nullopt;
  if (!decode_ranges(reader, source, state.ranges)) return std::nullopt;
  return state;
}

std::optional<LogRecord> decode(ByteReader& reader, RecordType type, uint64_t file,
                                const SegmentSource& source) {
  switch (type) {
    case RecordType::owner: {
      OwnerRecord owner;
      owner.identity = reader.string(JournalLimits::text);
      owner.prefix = reader.string(JournalLimits::text);
      owner.created_ns = reader.number<int64_t>();
      owner.next_file = reader.varint();
      owner.next_segment = reader.varint();
      owner.whole_until = reader.number<uint64_t>();
      return owner;
    }
    case RecordType::state:
      return decode_state(reader, file, source);
    case RecordType::forget:
      return ForgetRecord{.file = file};
    case RecordType::failure: {
      FailureRecord failure{.file = file, .time_ns = reader.number<int64_t>()};
      failure.message = reader.string(JournalLimits::text);
      return failure;
    }
    case RecordType::upload_began: {
      JournalUpload upload{.file = file, .key = reader.string(JournalLimits::key)};
      upload.upload_id = reader.string(JournalLimits::text);
      upload.metadata = decode_metadata(reader);
      return upload;
    }
    case RecordType::upload_ended:
      return UploadEndedRecord{.upload_id = reader.string(JournalLimits::text)};
    case RecordType::damage:
      return DamageRecord{.file = file, .reason = reader.string(JournalLimits::text)};
  }
  return std::nullopt;
}

}  // namespace

void encode_body(const LogRecord& record, std::vector<std::byte>& out) {
  ByteWriter writer(out);
  std::visit([&](const auto& any) { encode(writer, any); }, record);
}

std::optional<LogRecord> decode_body(RecordType type, uint64_t file,
                                     std::span<const std::byte> body, const SegmentSource& source) {
  ByteReader reader(body);
  std::optional<LogRecord> record = decode(reader, type, file, source);
  if (!record || !reader.at_end() || file != file_of(*record)) return std::nullopt;
  if (!check_record(*record)) return std::nullopt;
  return record;
}

}  // namespace penstock
