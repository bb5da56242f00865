// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_object.h"

#include "base/writer_mark.h"
#include "data/write_back/pending_metadata.h"

namespace penstock {

PendingObject::PendingObject(std::string key, std::optional<WriteBase> base)
    : key_(std::move(key)), mark_(new_mark()) {
  if (base) base_ = std::move(base->object);
}

PendingObject::PendingObject(JournalState state)
    : key_(std::move(state.key)), mark_(mark_of(state.metadata)), base_(std::move(state.base)) {
  condition_.expect({.version = std::move(state.replaces)});
}

void PendingObject::base_moved(const std::string& key, const ETag& etag) {
  if (!base_) return;
  base_->key = key;
  base_->etag = etag;
}

Metadata PendingObject::marked(Metadata metadata) const {
  metadata[std::string(writer_mark)] = mark_;
  return metadata;
}

Precondition PendingObject::condition(bool beside) const {
  if (beside) return WriteCondition::beside();
  return condition_.next(base_ ? &base_->etag : nullptr);
}

void PendingObject::stored(ObjectInfo object, bool beside) {
  if (beside) key_ = object.key;
  base_ = std::move(object);
  condition_.stored();
}

void PendingObject::found(std::optional<ObjectInfo> object) {
  object ? condition_.stored() : condition_.gone();
  base_ = std::move(object);
}

}  // namespace penstock
