// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/file_upload.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

namespace penstock {
namespace {

/// Bytes carried in one go.
constexpr uint64_t carry_size = 1ULL << 20;

}  // namespace

void FileUpload::feed(std::vector<JournalRange> ranges) {
  std::vector<Step> steps;
  steps.reserve(ranges.size());
  for (JournalRange& range : ranges) steps.push_back({.piece = std::move(range)});
  add(std::move(steps));
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
  Step step;
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
      step = steps_.front();
    }
  }
  if (ended) {
    if (last) finish_now();
    return false;
  }
  // Whoever comes second, this call or the answer, goes on.
  auto first = std::make_shared<std::atomic<bool>>(true);
  const uint64_t bytes = step.piece ? std::min(step.piece->length, carry_size) : 0;
  const Result<void> read =
      carry(step, [self = shared_from_this(), first, bytes](const Result<void>& result) {
        self->written(result, bytes);
        if (first->exchange(false)) return;
        self->core_.parts.scheduler.post([self] { self->run(); });
      });
  if (!read) {
    written(read, 0);
    return true;
  }
  return !first->exchange(false);
}

Result<void> FileUpload::carry(const Step& step, Done<void> done) {
  if (!step.piece) {
    writer_->truncate(step.size, std::move(done));
    return {};
  }
  const JournalRange& range = *step.piece;
  // No more than is needed: most files are small, and what is made larger is zeroed first.
  const uint64_t length = std::min(range.length, carry_size);
  if (buffer_.size() < length) buffer_.resize(length);
  const std::span<std::byte> bytes = std::span(buffer_).first(length);
  Result<void> read = core_.parts.journal.read(*range.piece, range.skip, bytes);
  if (read) writer_->write(range.offset, bytes, std::move(done));
  return read;
}

void FileUpload::written(const Result<void>& result, uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!result) {
    error_ = result.error();
    return;
  }
  if (steps_.empty()) return;  // cancelled meanwhile
  Step& step = steps_.front();
  if (!step.piece || step.piece->length == bytes) return steps_.pop_front();
  step.piece->offset += bytes;
  step.piece->skip += bytes;
  step.piece->length -= bytes;
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
  writer_->commit(std::move(request), [self = shared_from_this()](Result<ObjectInfo> result) {
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
