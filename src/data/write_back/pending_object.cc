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
    : key_(std::move(state.key)),
      mark_(mark_of(state.metadata)),
      base_(std::move(state.base)),
      replaces_(std::move(state.replaces)) {}

void PendingObject::base_moved(const std::string& key, const ETag& etag) {
  if (!base_) return;
  base_->key = key;
  base_->etag = etag;
}

Metadata PendingObject::marked(Metadata metadata) const {
  metadata[std::string(writer_mark)] = mark_;
  return metadata;
}

void PendingObject::expect(const Precondition& condition) {
  if (!written_) replaces_ = condition.if_match;
}

Precondition PendingObject::condition(bool beside) const {
  if (beside) return {.if_none_match = true};
  if (base_) return {.if_match = base_->etag};
  return {.if_match = replaces_, .if_none_match = replaces_.empty()};
}

void PendingObject::stored(ObjectInfo object, bool beside) {
  if (beside) key_ = object.key;
  base_ = std::move(object);
  written_ = true;
}

void PendingObject::found(std::optional<ObjectInfo> object) {
  if (!object) replaces_.clear();
  base_ = std::move(object);
  written_ = true;
}

}  // namespace penstock
