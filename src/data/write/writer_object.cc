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
  if (condition_.has_stored() && stored_metadata_ != metadata) metadata_dirty_ = true;
  if (!contents_dirty_ && !metadata_dirty_) return false;
  metadata_ = metadata;
  return true;
}

Precondition WriterObject::condition(const std::optional<Precondition>& asked,
                                     const std::string& key) const {
  if (asked && !condition_.has_stored()) return *asked;
  const bool keeps = base_ && base_->key == key && !replaces_base_;
  return condition_.next(keeps ? &base_->etag : nullptr);
}

void WriterObject::stored(ObjectInfo info, uint64_t size, const Metadata& metadata) {
  info.key = key_;
  info.size = size;
  info.metadata = metadata;
  base_ = std::move(info);
  condition_.stored();
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
