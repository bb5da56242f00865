// SPDX-License-Identifier: Apache-2.0
// Parts of a file that the store copies from another object, when a program asks for that.
//
// They are copied at once, not when the file is committed: whatever becomes of the other object
// afterwards, the bytes are those that were there when the program copied them.
#include <algorithm>
#include <utility>

#include "data/write/file_writer_impl.h"

namespace penstock {

uint64_t FileWriterImpl::until_part(uint64_t offset) const {
  if (offset >= core_.layout.max_size()) return UINT64_MAX;
  const ByteRange part = core_.layout.range(core_.layout.number_at(offset));
  return offset == part.offset ? 0 : part.end() - offset;
}

/// Whether the store may put other bytes in the part's place: nothing is under way with it, and
/// nothing that only the store has would be lost if it fails.
bool FileWriterImpl::takes_copy(uint32_t number) const {
  const uint64_t length = core_.layout.range(number).length;
  if (length < core_.limits.min_part_size || length > core_.limits.max_put_size) return false;
  if (parts_.state(number) == PartTable::State::idle) return true;
  return parts_.state(number) == PartTable::State::stored &&
         !contents_.any(contents_.clip(number), mask(Source::sent));
}

bool FileWriterImpl::copies(uint32_t number) const {
  return copying_ && copying_->first <= number && number <= copying_->last;
}

void FileWriterImpl::copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) {
  Deferred after;
  const MutexLock lock(mutex_);
  const bool busy = abandoned_ || lost_ || failure_ || commit_ != nullptr || !queue_.empty() ||
                    copying_ || !part_memory_.idle();
  // The end of the file is to be sent anew where it grows, which takes its bytes.
  const uint64_t size = contents_.size();
  const bool end_sent =
      size > 0 && offset > size &&
      contents_.any(contents_.clip(core_.layout.number_at(size)), mask(Source::sent));
  uint64_t end = offset;
  uint32_t last = 0;
  if (!busy && !end_sent && !no_part_copy_ && until_part(offset) == 0) {
    const uint64_t limit = std::min(core_.layout.max_size() - offset, source.range.length) + offset;
    while (end < limit) {
      const uint32_t number = core_.layout.number_at(end);
      const uint64_t part_end = core_.layout.range(number).end();
      if (part_end > limit || !takes_copy(number)) break;
      last = number;
      end = part_end;
    }
  }
  if (last == 0) {
    after.call([done = std::move(done)]() mutable { done(0); });
    return;
  }
  const uint32_t first = core_.layout.number_at(offset);
  copying_ = PartsCopy{.source = std::move(source),
                       .range = {offset, end - offset},
                       .first = first,
                       .last = last,
                       .error = {},
                       .done = std::move(done)};
  for (uint32_t number = first; number <= last; ++number) {
    part_memory_.unkeep(number);
    parts_.plan(number, false);
    make_ready(number, after);
  }
  if (upload_ == nullptr) create_upload(after);
}

void FileWriterImpl::part_copied(const std::shared_ptr<UploadSession>& session, uint32_t number,
                                 const Result<CompletedPart>& result, Deferred& after) {
  if (result && session == upload_) {
    parts_.stored(number, {number, result->etag, core_.layout.range(number).length});
    return;
  }
  if (!copying_->error) {
    copying_->error =
        result ? Error(Code::unavailable, "the upload was lost while parts were copied to it")
               : result.error();
  }
  if (result || session != upload_) return;
  if (result.error().code() == Code::not_supported) no_part_copy_ = true;
  const bool no_upload = result.error().detail().service_code == "NoSuchUpload";
  if (no_upload) lose_upload(result.error(), after);
}

/// Ends the copy once none of its parts is under way.
void FileWriterImpl::check_copy() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (!copying_) return;
  bool stored = true;
  for (uint32_t number = copying_->first; number <= copying_->last; ++number) {
    const PartTable::State state = parts_.state(number);
    if (state == PartTable::State::ready || state == PartTable::State::sending) return;
    stored &= state == PartTable::State::stored;
  }
  PartsCopy copy = *std::exchange(copying_, std::nullopt);
  const bool whole = stored && !copy.error && !abandoned_;
  whole ? adopt_copy(copy, after) : undo_copy(copy, after);
  if (copy.error) {
    core_.parts.log->debug("'{}': parts are not copied inside the store: {}", key_,
                           copy.error->describe());
  }
  after.call([done = std::move(copy.done), length = whole ? copy.range.length : 0]() mutable {
    done(length);
  });
}

void FileWriterImpl::adopt_copy(const PartsCopy& copy, Deferred& after) {
  const uint64_t old_size = contents_.size();
  contents_dirty_ = true;
  if (copy.range.offset > old_size) touch(core_.layout.number_at(old_size));
  const auto from = std::make_shared<const PartTable::CopiedFrom>(
      PartTable::CopiedFrom{.source = copy.source, .offset = copy.range.offset});
  for (uint32_t number = copy.first; number <= copy.last; ++number) parts_.copied(number, from);
  contents_.replaced_in_upload(copy.range, after);
  consider(std::max<uint32_t>(copy.first, 2) - 1, after);
}

/// Some of the parts may be in the upload all the same, with bytes that are not the file's.
void FileWriterImpl::undo_copy(const PartsCopy& copy, Deferred& after) {
  for (uint32_t number = copy.first; number <= copy.last; ++number) parts_.put_back(number);
  const bool left_over = leaves_parts_out(contents_.size());
  if (!left_over || contents_.any(mask(Source::sent))) return;
  retire(std::move(upload_), after);
  forget_sent_parts();
  consider_all(after);
}

}  // namespace penstock
