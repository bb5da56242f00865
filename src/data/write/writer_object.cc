// SPDX-License-Identifier: Apache-2.0
#include "data/write/writer_object.h"

#include <utility>

namespace penstock {

void WriterObject::base_moved(const std::string& key, const ETag& etag) {
  if (!base_) return;
  base_->key = key;
  base_->etag = etag;
}

Metadata WriterObject::of_new_contents(Metadata metadata) {
  const auto storage_class = metadata.find(header::storage_class);
  if (storage_class != metadata.end() && is_archive_class(storage_class->second))
    metadata.erase(storage_class);
  return metadata;
}

bool WriterObject::wants_commit(const Metadata& metadata) {
  if (written_ && stored_metadata_ != metadata) metadata_dirty_ = true;
  if (!contents_dirty_ && !metadata_dirty_) return false;
  metadata_ = metadata;
  return true;
}

Precondition WriterObject::condition(const Precondition& asked, const std::string& key) const {
  if (!written_ && (asked.if_none_match || !asked.if_match.empty())) return asked;
  if (!written_ && exclusive_) return {.if_match = {}, .if_none_match = true};
  if (!base_ || base_->key != key || replaces_base_) return {};
  return {.if_match = base_->etag, .if_none_match = false};
}

void WriterObject::stored(ObjectInfo info, uint64_t size, const Metadata& metadata) {
  info.key = key_;
  info.size = size;
  info.metadata = metadata;
  base_ = std::move(info);
  written_ = true;
  replaces_base_ = false;
  stored_metadata_ = metadata;
  contents_dirty_ = metadata_dirty_ = false;
  unreported_ = true;
}

void WriterObject::described(const ObjectInfo& info, const Metadata& metadata) {
  base_->etag = info.etag;
  base_->last_modified_ns = info.last_modified_ns;
  base_->metadata = stored_metadata_ = metadata;
  metadata_dirty_ = false;
  unreported_ = true;
}

}  // namespace penstock
