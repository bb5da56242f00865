// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "data/write_back/content_map.h"
#include "data/write_back/file_upload.h"
#include "data/write_back/journal_uploads.h"
#include "data/write_back/pending_object.h"

namespace penstock {

/// The upload of a new file that is written in order, while the file still grows; but for its first
/// part, which formats like to rewrite at the end. Its parts may only hold bytes that the file has
/// still: it is dropped where more than that part is rewritten. Called under the file's lock;
/// nothing of it ends before a moment later.
class GrowingUpload {
 public:
  /// `initial`: the metadata that it begins with.
  GrowingUpload(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads, Metadata initial)
      : core_(core), uploads_(std::move(uploads)), initial_(std::move(initial)) {}

  bool under_way() const noexcept { return upload_ != nullptr; }
  /// None begins any more.
  void forbid() noexcept { allowed_ = false; }
  /// `stored` is in the contents: it follows what was sent, or an upload begins. Only for a file
  /// that has no object and no promise.
  void feed(const PendingObject& object, const ContentMap& contents, ByteRange stored);
  /// Bytes from `offset` to `end` are about to change.
  void changing(uint64_t offset, uint64_t end);
  /// Gives it up, and begins none again.
  void drop();
  /// What there is of it for a promise of `size` bytes, and which bytes were sent; no other begins.
  struct Begun {
    std::shared_ptr<FileUpload> upload;
    ByteRange sent;
  };
  std::optional<Begun> hand_over(uint64_t size);
  /// For the caller to cancel; null: there is none.
  std::shared_ptr<FileUpload> take() { return std::exchange(upload_, nullptr); }

 private:
  WriteBackCore& core_;
  const std::shared_ptr<JournalUploads> uploads_;
  const Metadata initial_;
  std::shared_ptr<FileUpload> upload_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  bool allowed_ = true;
};

}  // namespace penstock
