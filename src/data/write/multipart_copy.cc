// SPDX-License-Identifier: Apache-2.0
// Parts of a file that the store copies from another object, when a program asks for that.
//
// They are copied at once, not when the file is committed: whatever becomes of the other object
// afterwards, the bytes are those that were there when the program copied them.
#include <algorithm>
#include <utility>

#include "data/write/multipart_upload.h"

namespace penstock {

/// Whether the store may put other bytes in the part's place: nothing is under way with it, and
/// nothing that only the store has would be lost if it fails.
bool MultipartUpload::takes_copy(uint32_t number) const {
  const uint64_t length = rooms_.core.layout.range(number).length;
  const StoreLimits& limits = rooms_.core.limits;
  if (length < limits.min_part_size || length > limits.max_put_size) return false;
  const PartTable::State state = rooms_.parts.state(number);
  if (state == PartTable::State::idle) return true;
  return state == PartTable::State::stored &&
         !rooms_.contents.any(rooms_.contents.clip(number), mask(Source::sent));
}

void MultipartUpload::copy_parts(uint64_t offset, CopySource source, bool busy, Done<uint64_t> done,
                                 Deferred& after) {
  const PartLayout& layout = rooms_.core.layout;
  const WriterContents& contents = rooms_.contents;
  busy |= rooms_.phase.abandoned() || rooms_.phase.committing() || lost_ || failure_ || copy_ ||
          !rooms_.memory.idle();
  // The end of the file is to be sent anew where it grows, which takes its bytes.
  const uint64_t size = contents.size();
  const bool end_sent = size > 0 && offset > size &&
                        contents.any(contents.clip(layout.number_at(size)), mask(Source::sent));
  uint64_t end = offset;
  uint32_t last = 0;
  if (!busy && !end_sent && copies_parts_ && layout.until_part(offset) == 0) {
    const uint64_t limit = std::min(layout.max_size() - offset, source.range.length) + offset;
    while (end < limit) {
      const uint32_t number = layout.number_at(end);
      const uint64_t part_end = layout.range(number).end();
      if (part_end > limit || !takes_copy(number)) break;
      last = number;
      end = part_end;
    }
  }
  if (last == 0) return after.answer<uint64_t>(std::move(done), 0);
  copy_ = PartsCopy{.source = std::move(source),
                    .range = {offset, end - offset},
                    .first = layout.number_at(offset),
                    .last = last,
                    .error = {},
                    .done = std::move(done)};
  for (uint32_t number = copy_->first; number <= last; ++number) {
    rooms_.memory.unkeep(number);
    rooms_.parts.plan(number, false);
    make_ready(number, after);
  }
  create(after);
}

void MultipartUpload::part_copied(const Session& session, const Result<CompletedPart>& result,
                                  uint32_t number, Deferred& after) {
  if (result && session == session_) {
    rooms_.parts.stored(number, {number, result->etag, rooms_.core.layout.range(number).length});
    return;
  }
  if (!copy_->error) {
    copy_->error =
        result ? Error(Code::unavailable, "the upload was lost while parts were copied to it")
               : result.error();
  }
  if (result || session != session_) return;
  if (result.error().code() == Code::not_supported) copies_parts_ = false;
  const bool no_upload = result.error().detail().service_code == "NoSuchUpload";
  if (no_upload) lose(result.error(), after);
}

void MultipartUpload::check_copy(Deferred& after) {
  if (!copy_) return;
  bool stored = true;
  for (uint32_t number = copy_->first; number <= copy_->last; ++number) {
    const PartTable::State state = rooms_.parts.state(number);
    if (state == PartTable::State::ready || state == PartTable::State::sending) return;
    stored &= state == PartTable::State::stored;
  }
  PartsCopy copy = *std::exchange(copy_, std::nullopt);
  const bool whole = stored && !copy.error && !rooms_.phase.abandoned();
  whole ? adopt_copy(copy, after) : undo_copy(copy, after);
  if (copy.error) {
    rooms_.core.parts.log->debug("'{}': parts are not copied inside the store: {}",
                                 rooms_.object.key(), copy.error->describe());
  }
  after.answer<uint64_t>(std::move(copy.done), whole ? copy.range.length : 0);
}

void MultipartUpload::adopt_copy(const PartsCopy& copy, Deferred& after) {
  const uint64_t old_size = rooms_.contents.size();
  rooms_.object.contents_changed();
  if (copy.range.offset > old_size) touch(rooms_.core.layout.number_at(old_size));
  const auto from = std::make_shared<const PartTable::CopiedFrom>(
      PartTable::CopiedFrom{.source = copy.source, .offset = copy.range.offset});
  for (uint32_t number = copy.first; number <= copy.last; ++number)
    rooms_.parts.copied(number, from);
  rooms_.contents.replaced_in_upload(copy.range, after);
  consider(std::max<uint32_t>(copy.first, 2) - 1, after);
}

/// Some of the parts may be in the upload all the same, with bytes that are not the file's.
void MultipartUpload::undo_copy(const PartsCopy& copy, Deferred& after) {
  for (uint32_t number = copy.first; number <= copy.last; ++number) rooms_.parts.put_back(number);
  const bool left_over = leaves_parts_out(rooms_.contents.size());
  if (left_over && !rooms_.contents.any(mask(Source::sent))) begin_again(after);
}

}  // namespace penstock
