// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/growing_upload.h"

#include <vector>

#include "data/write_back/temporary_name.h"

namespace penstock {

void GrowingUpload::feed(const PendingObject& object, const ContentMap& contents,
                         ByteRange stored) {
  if (!allowed_) return;
  const uint64_t part = core_.parts.direct.first_part_size();
  if (upload_ == nullptr) {
    if (contents.size() < 3 * part || temporary_name(object.key())) return;
    const Metadata metadata = object.marked(initial_);
    uploads_->expect(metadata);
    upload_ = std::make_shared<FileUpload>(
        core_, core_.parts.direct.begin(object.key(), std::nullopt, metadata, uploads_));
    begin_ = end_ = part;
    stored = {part, contents.size() - part};
  }
  if (stored.offset > end_ || stored.end() <= end_) return;
  // What was written ahead of a gap follows once the gap is filled.
  std::vector<JournalRange> ranges;
  for (JournalRange& range : contents.ranges({end_, contents.size() - end_})) {
    if (range.kind != JournalRange::Kind::piece) break;
    end_ = range.offset + range.length;
    ranges.push_back(std::move(range));
  }
  upload_->feed(std::move(ranges));
}

void GrowingUpload::changing(uint64_t offset, uint64_t end) {
  if (upload_ != nullptr && offset < end_ && end > begin_) drop();
}

void GrowingUpload::drop() {
  allowed_ = false;
  if (upload_ == nullptr) return;
  uploads_->disown();
  take()->cancel_soon();
}

std::optional<GrowingUpload::Begun> GrowingUpload::hand_over(uint64_t size) {
  allowed_ = false;
  // What was written after the promise has gone with it.
  if (end_ > size) drop();
  if (upload_ == nullptr) return std::nullopt;
  return Begun{.upload = take(), .sent = {begin_, end_ - begin_}};
}

}  // namespace penstock
