// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "data/upload_registry.h"
#include "journal/journal.h"

namespace penstock {

/// Remembers in the journal which multipart uploads are under way for one pending file: the next
/// mount goes on with those that are the file's, and aborts the others. An upload is the file's
/// while all bytes of its parts are. Thread-safe.
class JournalUploads final : public UploadRegistry {
 public:
  /// `left`: an upload of a dead mount that the journal says is the file's.
  JournalUploads(Journal& journal, uint64_t file, const std::optional<JournalUpload>& left);

  /// Uploads that begin from now on are the file's: its bytes go into their parts.
  void expect(const Metadata& metadata) EXCLUDES(mutex_);
  /// No more begin.
  void expect_none() EXCLUDES(mutex_);
  /// Bytes that are, or may be, in parts are about to change: nobody may go on with any upload that
  /// has begun, or is beginning. The journal knows that before it knows any later state.
  void disown() EXCLUDES(mutex_);

  void added(const std::string& key, const std::string& upload_id) override EXCLUDES(mutex_);
  void ended(const std::string& key, const std::string& upload_id) override EXCLUDES(mutex_);

 private:
  Journal& journal_;
  const uint64_t file_;
  Mutex mutex_;
  std::optional<Metadata> expected_ GUARDED_BY(mutex_);          ///< Absent: no upload of the file.
  std::map<std::string, std::string> begun_ GUARDED_BY(mutex_);  ///< Upload to key.
};

}  // namespace penstock
