// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/file_upload.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

namespace penstock {

void FileUpload::feed(std::vector<JournalRange> ranges) {
  std::vector<Step> steps;
  steps.reserve(ranges.size());
  for (JournalRange& range : ranges) steps.push_back({.range = std::move(range)});
  add(std::move(steps));
}

void FileUpload::feed_contents(const ContentMap& contents, const std::vector<ByteRange>& stored,
                               bool fresh) {
  std::vector<JournalRange> ranges;
  uint64_t kept = 0;  // of the base
  const auto take = [&](ByteRange part) {
    for (JournalRange& range : contents.ranges(part)) {
      if (range.kind == JournalRange::Kind::base) kept = range.offset + range.length;
      if (range.kind != JournalRange::Kind::base) ranges.push_back(std::move(range));
    }
  };
  uint64_t at = 0;
  std::vector<ByteRange> gaps;
  for (const ByteRange& range : stored) {
    if (range.offset > at) gaps.push_back({at, range.offset - at});
    at = range.end();
  }
  if (at < contents.size()) gaps.push_back({at, contents.size() - at});
  if (!stored.empty() && gaps.size() > 1) std::rotate(gaps.begin(), gaps.begin() + 1, gaps.end());
  for (const ByteRange& gap : gaps) take(gap);
  std::erase_if(ranges, [&](const JournalRange& range) {
    return range.kind == JournalRange::Kind::hole && (!fresh || range.offset >= kept);
  });
  if (fresh && kept > 0) resize(kept);
  feed(std::move(ranges));
  resize(contents.size());
}

void FileUpload::resize(uint64_t size) {
  std::vector<Step> steps(1);
  steps[0].size = size;
  add(std::move(steps));
}

void FileUpload::add(std::vector<Step> steps) {
  const MutexLock lock(mutex_);
  for (Step& step : steps) steps_.push_back(std::move(step));
  start();
}

void FileUpload::finish(CommitRequest request, Done<ObjectInfo> done) {
  bool again = false;
  {
    const MutexLock lock(mutex_);
    request_ = std::move(request);
    done_ = std::move(done);
    again = error_.has_value() && !running_;
    if (again) error_.reset();
  }
  if (again) writer_->try_again();
  const MutexLock lock(mutex_);
  start();
}

void FileUpload::cancel() {
  {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    steps_.clear();
    start();
  }
  writer_->abandon([self = shared_from_this()] {});
}

void FileUpload::cancel_soon() {
  core_.parts.scheduler.post([self = shared_from_this()] { self->cancel(); });
}

void FileUpload::start() {
  const bool work = !steps_.empty() || static_cast<bool>(done_);
  if (running_ || committing_ || !work) return;
  running_ = true;
  core_.parts.scheduler.post([self = shared_from_this()] { self->run(); });
}

void FileUpload::run() {
  while (write_next()) {
  }
}

/// True if it is to be called again at once.
bool FileUpload::write_next() {
  Load load;
  bool ended = false;
  bool last = false;
  std::vector<std::byte> used;  // freed outside the lock
  {
    const MutexLock lock(mutex_);
    ended = steps_.empty() || error_.has_value() || cancelled_;
    if (ended) {
      // From here on the next run may begin, on another thread.
      used = std::exchange(buffer_, {});
      last = committing_ = static_cast<bool>(done_);
      running_ = false;
    } else {
      load = next_load();
    }
  }
  if (ended) {
    if (last) finish_now();
    return false;
  }
  // This call may return before the write is answered or after it: the second of the two goes on
  // with the next load, so that answers that come at once do not nest.
  auto first = std::make_shared<std::atomic<bool>>(true);
  const Result<void> read = carry(
      load, [self = shared_from_this(), first, length = load.length](const Result<void>& result) {
        self->written(result, length);
        if (first->exchange(false)) return;
        self->core_.parts.scheduler.post([self] { self->run(); });
      });
  if (!read) {
    written(read, 0);
    return true;
  }
  return !first->exchange(false);
}

/// The first step; of pieces, as many as follow one another up to the end of a block.
FileUpload::Load FileUpload::next_load() const {
  const Step& first = steps_.front();
  if (!first.range) return {.offset = first.size, .length = 0, .pieces = {}};
  const bool hole = first.range->kind == JournalRange::Kind::hole;
  if (hole) return {.offset = first.range->offset, .length = first.range->length, .pieces = {}};
  Load load{.offset = first.range->offset, .length = 0, .pieces = {}};
  const uint64_t block = core_.parts.direct.block_size();
  const uint64_t end = load.offset - load.offset % block + block;
  for (const Step& step : steps_) {
    const uint64_t at = load.offset + load.length;
    if (at == end || !step.range || step.range->offset != at) break;
    if (step.range->kind != JournalRange::Kind::piece) break;
    JournalRange piece = *step.range;
    piece.length = std::min(piece.length, end - at);
    load.length += piece.length;
    load.pieces.push_back(std::move(piece));
  }
  return load;
}

Result<void> FileUpload::carry(const Load& load, Done<void> done) {
  if (load.pieces.empty()) {
    if (load.length == 0) {
      writer_->truncate(load.offset, std::move(done));
    } else {
      writer_->zero({load.offset, load.length}, false, std::move(done));
    }
    return {};
  }
  std::shared_ptr<Buffer> block;
  std::span<std::byte> bytes;
  if (load.length == core_.parts.direct.block_size()) {
    block = core_.parts.direct.new_block();
    bytes = {block->data(), block->size()};
  } else {
    // No more than is needed: most files are small, and what is made larger is zeroed first.
    if (buffer_.size() < load.length) buffer_.resize(load.length);
    bytes = std::span(buffer_).first(load.length);
  }
  for (const JournalRange& piece : load.pieces) {
    const auto into = bytes.subspan(piece.offset - load.offset, piece.length);
    Result<void> read = core_.parts.journal.read(*piece.piece, piece.skip, into);
    if (!read) return read;
  }
  if (block != nullptr) {
    writer_->write_block(load.offset, std::move(block), std::move(done));
  } else {
    writer_->write(load.offset, bytes, std::move(done));
  }
  return {};
}

/// `length` as of the Load.
void FileUpload::written(const Result<void>& result, uint64_t length) {
  const MutexLock lock(mutex_);
  if (!result) {
    error_ = result.error();
    return;
  }
  if (cancelled_) return;  // the steps are gone, or others
  if (length == 0) return steps_.pop_front();
  while (length > 0) {
    JournalRange& piece = *steps_.front().range;
    const uint64_t done = std::min(length, piece.length);
    length -= done;
    piece.offset += done;
    piece.skip += done;
    piece.length -= done;
    if (piece.length == 0) steps_.pop_front();
  }
}

void FileUpload::finish_now() {
  CommitRequest request;
  std::optional<Error> error;
  {
    const MutexLock lock(mutex_);
    request = request_;
    error = error_;
    if (cancelled_) error = Error(Code::cancelled, "the upload was given up");
  }
  if (error) return end(*error);
  writer_->commit_as(std::move(request), [self = shared_from_this()](Result<ObjectInfo> result) {
    self->end(std::move(result));
  });
}

void FileUpload::end(Result<ObjectInfo> result) {
  Done<ObjectInfo> done;
  {
    const MutexLock lock(mutex_);
    committing_ = false;
    if (!result && !error_) error_ = result.error();
    done = std::exchange(done_, {});
  }
  done(std::move(result));
}

}  // namespace penstock
