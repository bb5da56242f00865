// SPDX-License-Identifier: Apache-2.0
// Parts that the unfinished upload has, and whose memory is wanted: what they hold can be read and
// changed until the file is committed, for it goes to the staging file.
#include <algorithm>
#include <utility>

#include "data/write/file_writer_impl.h"

namespace penstock {
namespace {

/// Of a file that is written from front to back, and that nobody has open for reading, so much is
/// moved to the disk whatever that costs; of the rest what the disk takes by the way.
constexpr uint64_t surely_moved = 512ULL << 20;

}  // namespace

/// One stored part's bytes on their way to the disk.
struct FileWriterImpl::PartMove {
  uint32_t number = 0;
  ByteRange range;
  uint64_t round = 0;
  std::shared_ptr<StagingFile> file;
  Pieces pieces;
};

void FileWriterImpl::expect_reads() {
  const MutexLock lock(mutex_);
  read_meanwhile_ = true;
}

/// Frees the memory of a stored part: at once, or when its bytes are on the disk.
void FileWriterImpl::let_go(uint32_t number, Deferred& after) {
  unkeep(number);
  if (!worth_moving(number)) return drop(number, after);
  const uint64_t bytes = map_.bytes(clip(number), Source::memory);
  if (!core_.staged.take(bytes, core_.options.staging_dir)) return drop(number, after);
  moved_bytes_ += bytes;
  moves_.push_back(number);
  move_next(after);
}

bool FileWriterImpl::worth_moving(uint32_t number) const {
  const auto part = parts_.find(number);
  const bool only_copy =
      part != parts_.end() && part->second.state == Part::State::stored && !part->second.by_copy;
  if (!readable_ || !only_copy || abandoned_ || no_staging_) return false;
  // Soon the object has it.
  if (commit_ != nullptr && !read_meanwhile_) return false;
  return read_meanwhile_ || moved_bytes_ < surely_moved || moves_.empty();
}

void FileWriterImpl::move_next(Deferred& after) {
  if (moving_ || spilling_) return;
  while (!moves_.empty()) {
    const uint32_t number = moves_.front();
    const ByteRange range = clip(number);
    const auto part = parts_.find(number);
    // It may have been changed since, or committed.
    const bool still = part != parts_.end() && part->second.state == Part::State::stored &&
                       !abandoned_ && !kept_.contains(number) &&
                       map_.any(range, mask(Source::memory));
    if (still) break;
    moves_.pop_front();
  }
  if (moves_.empty()) return;
  auto move = std::make_shared<PartMove>();
  move->number = moves_.front();
  move->range = core_.layout.range(move->number);
  move->round = staging_round_;
  move->file = staging_;
  move->pieces = pieces_in_memory(move->range);
  moving_ = move->range;
  ++busy_;
  core_.memory->moving();
  after.call([this, self = shared_from_this(), move] {
    core_.parts.scheduler.post([this, self, move] {
      part_moved(move, write_pieces(move->file, move->pieces, core_.options.staging_dir));
    });
  });
}

void FileWriterImpl::part_moved(const std::shared_ptr<PartMove>& move, const Result<void>& result) {
  bool first_failure = false;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    moving_.reset();
    if (!moves_.empty() && moves_.front() == move->number) moves_.pop_front();
    move->pieces.clear();
    const bool counts = move->round == staging_round_ && !abandoned_;
    if (counts && result) {
      staging_ = move->file;
      map_.replace(move->range, Source::memory, Source::staged);
      blocks_.drop(move->range, after);
    } else if (counts) {
      first_failure = !std::exchange(no_staging_, true);
      const auto part = parts_.find(move->number);
      if (part != parts_.end() && part->second.state == Part::State::stored)
        drop(move->number, after);
    }
    move_next(after);
  }
  core_.memory->moved();
  if (first_failure) {
    core_.parts.log->warning("parts that were sent cannot be kept on the staging disk: {}",
                             result.error().describe());
  }
  went_on();
}

/// Nothing of the file is on the staging disk any more.
void FileWriterImpl::leave_staging(Deferred& after) {
  if (staging_ != nullptr) after.release(std::move(staging_));
  ++staging_round_;
  core_.staged.give_back(std::exchange(moved_bytes_, 0));
  moves_.clear();
}

/// What somebody wants of a part that neither memory nor the disk had room for. The object as it is
/// so far would have the bytes, and must not be there before the program is done with it.
Error FileWriterImpl::out_of_reach() {
  Error error(Code::no_space,
              Error::Detail{.message = "these bytes were sent and not kept: they can be read and "
                                       "changed again when the file is closed or synced",
                            .key = key_});
  if (!std::exchange(said_out_of_reach_, true))
    core_.parts.log->warning("{}; see --staging-dir", error.describe());
  return error;
}

}  // namespace penstock
