// SPDX-License-Identifier: Apache-2.0
#include "data/write/writer_contents.h"

#include <algorithm>
#include <utility>

namespace penstock {

Result<void> StagingJob::run(const std::string& directory) {
  if (file == nullptr) {
    Result<std::shared_ptr<StagingFile>> created = StagingFile::create(directory);
    if (!created) return created.error();
    file = std::move(*created);
  }
  for (const Piece& piece : pieces) {
    Result<void> written = file->write(piece.offset, piece.bytes);
    if (!written) return written;
  }
  return {};
}

void WriterContents::start_from_base(uint64_t size) {
  base_limit_ = size;
  map_.assign({0, size}, Source::base);
}

std::optional<uint64_t> WriterContents::seek(uint64_t offset, bool hole) const {
  const std::optional<uint64_t> found = map_.find(offset, hole);
  return hole && !found && offset < map_.size() ? map_.size() : found;
}

ByteRange WriterContents::clip(uint32_t number) const noexcept {
  ByteRange range = layout_.range(number);
  range.length = std::min(range.end(), std::max(map_.size(), range.offset)) - range.offset;
  return range;
}

void WriterContents::write(ByteRange range, const Change& change, Reservation memory,
                           Deferred& after) {
  if (change.block == nullptr || !blocks_.adopt(range.offset, change.block, memory)) {
    blocks_.prepare(range, std::move(memory), after);
    blocks_.copy_in(range.offset, change.data);
  }
  map_.assign(range, Source::memory);
}

bool WriterContents::make_hole(ByteRange range, Deferred& after) {
  const auto written = static_cast<SourceMask>(~mask(Source::hole));
  if (range.end() <= map_.size() && !map_.any(range, written)) return false;
  map_.assign(range, Source::hole);
  // The block at the end may have bytes of what follows.
  const uint64_t block = layout_.block_size();
  const uint64_t end = range.end() == map_.size() ? range.end() : range.end() / block * block;
  if (end > range.offset) blocks_.drop({range.offset, end - range.offset}, after);
  return true;
}

void WriterContents::resize(uint64_t size, Deferred& after) {
  const uint64_t old_size = map_.size();
  map_.resize(size);
  if (size >= old_size) return;
  blocks_.drop({size, old_size - size}, after);
  base_limit_ = std::min(base_limit_, size);
}

void WriterContents::collect(ByteRange range, Outgoing& outgoing) const {
  map_.visit(range, [&](const SegmentMap::Segment& segment) {
    if (segment.source == Source::memory) {
      blocks_.visit(segment.range,
                    [&](std::span<const std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                      outgoing.add(bytes, buffer);
                    });
    } else if (segment.source == Source::staged) {
      outgoing.add_staged(staging_, segment.range);
    } else {
      outgoing.add_zeros(segment.range.length);
    }
    return true;
  });
}

void WriterContents::let_go(ByteRange range, Source where, Deferred& after) {
  map_.replace(range, Source::memory, where);
  blocks_.drop(range, after);
}

void WriterContents::replaced_in_upload(ByteRange range, Deferred& after) {
  map_.assign(range, Source::sent);
  blocks_.drop(range, after);
}

void WriterContents::became_object(Deferred& after) {
  const ByteRange all{0, map_.size()};
  map_.replace(all, Source::sent, Source::base);
  map_.replace(all, Source::staged, Source::base);
  base_limit_ = map_.size();
  leave_staging(after);
}

void WriterContents::clear(Deferred& after) {
  blocks_.drop({0, UINT64_MAX}, after);
  map_.resize(0);
  base_limit_ = 0;
  leave_staging(after);
}

void WriterContents::leave_staging(Deferred& after) {
  if (staging_ != nullptr) after.release(std::move(staging_));
  ++staging_round_;
}

std::shared_ptr<StagingJob> WriterContents::job(ByteRange range) const {
  auto job = std::make_shared<StagingJob>();
  job->range = range;
  job->round = staging_round_;
  job->file = staging_;
  map_.visit(range, [&](const SegmentMap::Segment& segment) {
    if (segment.source != Source::memory) return true;
    uint64_t offset = segment.range.offset;
    blocks_.visit(segment.range,
                  [&](std::span<const std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                    job->pieces.push_back({offset, bytes, buffer});
                    offset += bytes.size();
                  });
    return true;
  });
  return job;
}

void WriterContents::staged(const StagingJob& job, Deferred& after) {
  staging_ = job.file;
  let_go(job.range, Source::staged, after);
}

ByteRange WriterContents::next_of_base(ByteRange range, uint64_t most_blocks) const {
  ByteRange piece{};
  map_.visit(range, [&](const SegmentMap::Segment& segment) {
    if (segment.source == Source::base) piece = segment.range;
    return piece.length == 0;
  });
  if (piece.length == 0) return piece;
  const uint64_t block = layout_.block_size();
  const uint64_t most = (piece.offset / block + most_blocks) * block;
  piece.length = std::min(piece.end(), most) - piece.offset;
  return piece;
}

std::shared_ptr<BodySink> WriterContents::open_for(ByteRange piece, Reservation memory,
                                                   Deferred& after) {
  blocks_.prepare(piece, std::move(memory), after);
  blocks_.pin(piece);
  auto sink = std::make_shared<ScatterSink>(piece.offset);
  blocks_.visit(piece, [&](std::span<std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
    sink->add(bytes, buffer);
  });
  return sink;
}

void WriterContents::arrived(ByteRange piece, bool failed) {
  blocks_.unpin(piece);
  if (!failed) map_.assign(piece, Source::memory);
}

}  // namespace penstock
