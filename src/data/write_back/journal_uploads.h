// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/mutex.h"
#include "data/write/upload_registry.h"
#include "journal/journal.h"

namespace penstock {

/// Remembers in the journal which multipart uploads are under way, and for which pending file: the
/// next mount goes on with those, and aborts the others. Thread-safe.
class JournalUploads final : public UploadRegistry {
 public:
  explicit JournalUploads(Journal& journal) : journal_(journal) {}

  /// Uploads for `key` that begin from now on are `file`'s: its bytes go into their parts.
  void expect(const std::string& key, uint64_t file, const Metadata& metadata) EXCLUDES(mutex_);
  /// No more begin.
  void expect_none(const std::string& key) EXCLUDES(mutex_);
  /// Bytes that are in parts of uploads for `key` have changed: nobody may go on with those.
  void disown(const std::string& key) EXCLUDES(mutex_);

  void added(const std::string& key, const std::string& upload_id) override EXCLUDES(mutex_);
  void ended(const std::string& key, const std::string& upload_id) override EXCLUDES(mutex_);

 private:
  Journal& journal_;
  Mutex mutex_;
  std::map<std::string, JournalUpload> expected_ GUARDED_BY(mutex_);  ///< By key.
  std::multimap<std::string, std::string> begun_ GUARDED_BY(mutex_);  ///< Key to upload.
};

}  // namespace penstock
