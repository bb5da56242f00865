// SPDX-License-Identifier: Apache-2.0
// Unfinished parts that go to the staging disk when memory is short.
#include <utility>

#include "data/write/file_writer_impl.h"

namespace penstock {

/// One part's bytes on their way to the disk. The blocks are not written to meanwhile: see
/// FileWriterImpl::admit.
struct FileWriterImpl::Spill {
  ByteRange range;
  uint64_t round = 0;
  std::shared_ptr<StagingFile> file;
  Pieces pieces;
  Callback<void(bool)> done;
};

uint64_t FileWriterImpl::spillable() const {
  const MutexLock lock(mutex_);
  if (spilling_ || moving_ || commit_ != nullptr || abandoned_) return 0;
  uint64_t bytes = 0;
  for (const auto& [number, part] : parts_) {
    if (part.state == Part::State::idle) bytes += map_.bytes(clip(number), Source::memory);
  }
  return bytes;
}

FileWriterImpl::Pieces FileWriterImpl::pieces_in_memory(ByteRange range) const {
  Pieces pieces;
  map_.visit(range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    if (segment.source != Source::memory) return true;
    uint64_t offset = segment.range.offset;
    blocks_.visit(segment.range,
                  [&](std::span<const std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                    pieces.push_back({offset, bytes, buffer});
                    offset += bytes.size();
                  });
    return true;
  });
  return pieces;
}

Result<void> FileWriterImpl::write_pieces(std::shared_ptr<StagingFile>& file, const Pieces& pieces,
                                          const std::string& directory) {
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

/// The part with the most bytes in memory.
std::shared_ptr<FileWriterImpl::Spill> FileWriterImpl::choose_spill() {
  if (spilling_ || moving_ || commit_ != nullptr || abandoned_) return nullptr;
  uint64_t most = 0;
  auto spill = std::make_shared<Spill>();
  for (const auto& [number, part] : parts_) {
    if (part.state != Part::State::idle) continue;
    const uint64_t bytes = map_.bytes(clip(number), Source::memory);
    if (bytes <= most) continue;
    most = bytes;
    // The whole part, also what lies behind the end of the file: an append must wait as well.
    spill->range = core_.layout.range(number);
  }
  if (most == 0) return nullptr;
  spill->round = staging_round_;
  spill->file = staging_;
  spill->pieces = pieces_in_memory(spill->range);
  spilling_ = spill->range;
  ++busy_;
  return spill;
}

void FileWriterImpl::spill(Callback<void(bool)> done) {
  std::shared_ptr<Spill> spill;
  {
    const MutexLock lock(mutex_);
    spill = choose_spill();
  }
  if (spill == nullptr) return done(false);
  spill->done = std::move(done);
  core_.parts.scheduler.post([this, self = shared_from_this(), spill] {
    const Result<void> written =
        write_pieces(spill->file, spill->pieces, core_.options.staging_dir);
    spill_done(spill, written);
  });
}

void FileWriterImpl::spill_done(const std::shared_ptr<Spill>& spill, const Result<void>& result) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    spilling_.reset();
    spill->pieces.clear();
    if (result && spill->round == staging_round_ && !abandoned_) {
      staging_ = spill->file;
      map_.replace(spill->range, Source::memory, Source::staged);
      blocks_.drop(spill->range, after);
    }
    move_next(after);
  }
  if (!result) {
    core_.parts.log->warning("unfinished parts cannot be staged on disk: {}",
                             result.error().describe());
  }
  spill->done(result.has_value());
  went_on();
}

void FileWriterImpl::drop_kept() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (commit_ != nullptr) return;
  while (!kept_.empty()) let_go(kept_.begin()->first, after);
}

}  // namespace penstock
