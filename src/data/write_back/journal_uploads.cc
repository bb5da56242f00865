// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/journal_uploads.h"

namespace penstock {

void JournalUploads::expect(const std::string& key, uint64_t file, const Metadata& metadata) {
  const MutexLock lock(mutex_);
  expected_[key] = {.file = file, .key = key, .upload_id = {}, .metadata = metadata};
}

void JournalUploads::expect_none(const std::string& key) {
  const MutexLock lock(mutex_);
  expected_.erase(key);
}

void JournalUploads::disown(const std::string& key) {
  const MutexLock lock(mutex_);
  expected_.erase(key);
  const auto [begin, end] = begun_.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    // The last word on an upload counts: it is nobody's, and still to be aborted.
    journal_.upload_began({.file = 0, .key = key, .upload_id = at->second, .metadata = {}});
  }
}

void JournalUploads::added(const std::string& key, const std::string& upload_id) {
  const MutexLock lock(mutex_);
  begun_.emplace(key, upload_id);
  JournalUpload upload{.file = 0, .key = key, .upload_id = {}, .metadata = {}};
  if (const auto found = expected_.find(key); found != expected_.end()) upload = found->second;
  upload.upload_id = upload_id;
  journal_.upload_began(std::move(upload));
}

void JournalUploads::ended(const std::string& key, const std::string& upload_id) {
  const MutexLock lock(mutex_);
  const auto [begin, end] = begun_.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    if (at->second != upload_id) continue;
    begun_.erase(at);
    break;
  }
  journal_.upload_ended(upload_id);
}

}  // namespace penstock
