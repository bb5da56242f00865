// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/deferred.h"
#include "data/write/change.h"
#include "data/write/contents_reader.h"
#include "data/write/file_commit.h"
#include "data/write/multipart_upload.h"

namespace penstock {

/// Applies changes to one file that is written: to its contents, its parts and its upload. All
/// bytes that are handed to the store or the disk are never written to meanwhile, and no block is
/// copied to make it so: a change that touches such bytes waits. Called under the file's lock, see
/// FileStrand.
class FileChanges {
 public:
  /// All of these must outlive it.
  FileChanges(const MultipartUpload::Rooms& rooms, MultipartUpload& upload, FileCommit& commit,
              ContentsReader& reader)
      : rooms_(rooms), upload_(upload), commit_(commit), reader_(reader) {}

  /// Whether the change can be applied now; false: something that is under way will ask again. An
  /// error: it cannot be applied at all.
  Result<bool> admit(const Change& change, Deferred& after);
  /// What must be reserved before it is applied, in bytes.
  uint64_t memory_for(const Change& change) const;
  /// Applies what was admitted; `memory` pays for memory_for(change). Returns the offset of what
  /// was written.
  uint64_t apply(const Change& change, Reservation memory, Deferred& after);

 private:
  Result<bool> admit_resize(uint64_t size, Deferred& after);
  bool needs_sent(uint32_t number, const Change& change) const;
  Result<bool> wait_for_commit(ByteRange range, Deferred& after);
  void resize(uint64_t size, Deferred& after);

  const MultipartUpload::Rooms rooms_;
  MultipartUpload& upload_;
  FileCommit& commit_;
  ContentsReader& reader_;
};

}  // namespace penstock
