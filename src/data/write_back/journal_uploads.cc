// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/journal_uploads.h"

namespace penstock {
namespace {

/// An upload that nobody may go on with, and that is still to be aborted. The last word on an
/// upload counts.
JournalUpload of_nobody(const std::string& key, const std::string& upload_id) {
  return {.file = 0, .key = key, .upload_id = upload_id, .metadata = {}};
}

}  // namespace

JournalUploads::JournalUploads(Journal& journal, uint64_t file,
                               const std::optional<JournalUpload>& left)
    : journal_(journal), file_(file) {
  if (left) begun_.emplace(left->upload_id, left->key);
}

void JournalUploads::expect(const Metadata& metadata) {
  const MutexLock lock(mutex_);
  expected_ = metadata;
}

void JournalUploads::expect_none() {
  const MutexLock lock(mutex_);
  expected_.reset();
}

void JournalUploads::disown() {
  const MutexLock lock(mutex_);
  expected_.reset();
  for (const auto& [upload_id, key] : begun_) journal_.upload_began(of_nobody(key, upload_id));
}

void JournalUploads::added(const std::string& key, const std::string& upload_id) {
  const MutexLock lock(mutex_);
  begun_.insert_or_assign(upload_id, key);
  JournalUpload upload = of_nobody(key, upload_id);
  if (expected_) {
    upload.file = file_;
    upload.metadata = *expected_;
  }
  journal_.upload_began(std::move(upload));
}

void JournalUploads::ended(const std::string&, const std::string& upload_id) {
  const MutexLock lock(mutex_);
  begun_.erase(upload_id);
  journal_.upload_ended(upload_id);
}

}  // namespace penstock
