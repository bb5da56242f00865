// SPDX-License-Identifier: Apache-2.0
// Unfinished parts that go to the staging disk when memory is short.
#include <utility>

#include "data/write/file_writer_impl.h"

namespace penstock {

/// One part's bytes on their way to the disk. The blocks are not written to meanwhile: see
/// FileWriterImpl::admit.
struct FileWriterImpl::Spill {
  struct Piece {
    uint64_t offset;
    std::span<const std::byte> bytes;
    std::shared_ptr<const Buffer> buffer;
  };
  ByteRange range;
  uint64_t round = 0;
  std::shared_ptr<StagingFile> file;
  std::vector<Piece> pieces;
  Callback<void(bool)> done;
};

uint64_t FileWriterImpl::spillable() const {
  const MutexLock lock(mutex_);
  if (spilling_ || commit_ != nullptr || abandoned_) return 0;
  uint64_t bytes = 0;
  for (const auto& [number, part] : parts_) {
    if (part.state == Part::State::idle) bytes += map_.bytes(clip(number), Source::memory);
  }
  return bytes;
}

/// The part with the most bytes in memory.
std::shared_ptr<FileWriterImpl::Spill> FileWriterImpl::choose_spill() {
  if (spilling_ || commit_ != nullptr || abandoned_) return nullptr;
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
  map_.visit(spill->range, [&](const SegmentMap::Segment& segment) REQUIRES(mutex_) {
    if (segment.source != Source::memory) return true;
    uint64_t offset = segment.range.offset;
    blocks_.visit(segment.range,
                  [&](std::span<const std::byte> bytes, const std::shared_ptr<Buffer>& buffer) {
                    spill->pieces.push_back({offset, bytes, buffer});
                    offset += bytes.size();
                  });
    return true;
  });
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
    Result<void> written;
    if (spill->file == nullptr) {
      Result<std::shared_ptr<StagingFile>> created = StagingFile::create(core_.options.staging_dir);
      if (created) {
        spill->file = std::move(*created);
      } else {
        written = created.error();
      }
    }
    for (const Spill::Piece& piece : spill->pieces) {
      if (written) written = spill->file->write(piece.offset, piece.bytes);
    }
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
  while (!kept_.empty()) drop(kept_.begin()->first, after);
}

}  // namespace penstock
