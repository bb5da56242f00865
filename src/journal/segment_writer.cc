// SPDX-License-Identifier: Apache-2.0
#include "journal/segment_writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/journal_folder.h"
#include "journal/log_record.h"

namespace penstock {
namespace {

constexpr uint64_t writeback_step = 8ULL << 20;

bool cannot_ask(int error) {
  return error == -EOPNOTSUPP || error == -EINVAL || error == -ENOSYS || error == -ESPIPE;
}

}  // namespace

void SegmentWriter::abandon_current(Segment& old) {
  if (current_ != nullptr && end_ > synced_) unsynced_.emplace_back(current_);
  old = std::move(current_);
  end_ = synced_ = writeback_ = 0;
}

int SegmentWriter::roll(Segment& old) {
  abandon_current(old);
  int error = -EEXIST;
  // A name that is taken is one that could not be removed.
  for (int tries = 0; tries < 100 && error == -EEXIST; ++tries)
    current_ = JournalSegment::create(folder_, next_++, error);
  if (error == 0) new_names_ = true;
  return error;
}

Result<void> SegmentWriter::write(std::span<const std::byte> bytes, Segment& old) {
  if (current_ == nullptr || end_ >= JournalLimits::segment) {
    if (const int error = roll(old); error != 0)
      return disk_error(error, "cannot make a file in " + folder_->path());
  }
  const int error = current_->file().pwrite(bytes, end_);
  if (error == 0) return {};
  const Error result =
      disk_error(error, "cannot write " + folder_->segment_path(current_->number()));
  // Where that fails the next append overwrites what was written.
  current_->file().truncate(end_);
  if (result.code() != Code::no_space) abandon_current(old);
  return result;
}

Result<std::shared_ptr<const JournalPiece>> SegmentWriter::append(
    std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes.size() > JournalLimits::piece)
    return Error(Code::invalid_argument, "a piece of an impossible length");
  auto piece = std::make_shared<JournalPiece>();
  piece->length = bytes.size();
  piece->hash = journal_hash(bytes);
  Segment old;
  Segment segment;
  uint64_t from = 0;
  uint64_t to = 0;
  {
    const MutexLock lock(mutex_);
    if (Result<void> result = write(bytes, old); !result) return result.error();
    current_->grew(bytes.size());
    piece->segment = current_;
    piece->position = end_;
    end_ += bytes.size();
    if (end_ - writeback_ >= writeback_step) {
      segment = current_;
      from = std::exchange(writeback_, end_);
      to = end_;
    }
  }
  if (segment != nullptr) start_writeback(*segment, from, to);
  return std::shared_ptr<const JournalPiece>(std::move(piece));
}

void SegmentWriter::start_writeback(const JournalSegment& segment, uint64_t from, uint64_t to) {
  const int error = segment.file().start_writeback(from, to - from);
  if (error == 0 || cannot_ask(error)) return;
  // The kernel may count this as told, and say nothing at the next flush.
  const MutexLock lock(mutex_);
  if (failed_ == 0) failed_ = error;
}

SegmentWriter::Unsynced SegmentWriter::take_unsynced() {
  Unsynced unsynced;
  const MutexLock lock(mutex_);
  for (const auto& weak : unsynced_) {
    if (auto segment = weak.lock()) unsynced.segments.push_back(std::move(segment));
  }
  unsynced_.clear();
  if (current_ != nullptr && end_ > synced_) unsynced.segments.push_back(current_);
  unsynced.current_end = end_;
  unsynced.names = std::exchange(new_names_, false);
  return unsynced;
}

Result<void> SegmentWriter::sync() {
  const Unsynced unsynced = take_unsynced();
  for (const auto& segment : unsynced.segments) {
    if (const int error = segment->file().datasync(); error != 0)
      return disk_error(error, "cannot flush " + folder_->segment_path(segment->number()));
  }
  if (unsynced.names) {
    if (const int error = sync_folder(folder_->disk(), folder_->path()); error != 0)
      return disk_error(error, "cannot flush " + folder_->path());
  }
  const MutexLock lock(mutex_);
  if (failed_ != 0) return disk_error(failed_, "cannot write " + folder_->path());
  const bool same = !unsynced.segments.empty() && unsynced.segments.back() == current_;
  if (same) synced_ = std::max(synced_, unsynced.current_end);
  return {};
}

void SegmentWriter::release_unused() {
  std::shared_ptr<JournalSegment> unused;
  const MutexLock lock(mutex_);
  // Pieces of it are made under this lock only.
  if (current_ == nullptr || end_ == 0 || current_.use_count() > 1) return;
  unused = std::move(current_);
  end_ = synced_ = writeback_ = 0;
}

void SegmentWriter::close() {
  std::shared_ptr<JournalSegment> last;
  const MutexLock lock(mutex_);
  last = std::move(current_);
}

uint64_t SegmentWriter::next_number() const {
  const MutexLock lock(mutex_);
  return next_;
}

}  // namespace penstock
