// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "data/write_back/earlier_upload.h"
#include "data/write_back/file_upload.h"
#include "data/write_back/growing_upload.h"
#include "data/write_back/journal_uploads.h"
#include "data/write_back/promise.h"

namespace penstock {

/// The uploads of one file that have begun and belong to no run, so that the next run can go on
/// with one: of a dead mount, of the file while it grows, of a try that failed. Where bytes change
/// that their parts hold they are nobody's, and no later mount goes on with them. Called under the
/// file's lock; what is given up ends a moment later, or with `after`.
class BegunUploads {
 public:
  /// A try that failed, to be gone on with by the next one of the same promise.
  struct FailedTry {
    PromisePtr promise;
    std::string key;
    std::shared_ptr<FileUpload> upload;
  };
  /// What a run goes on with.
  struct Begun {
    std::shared_ptr<FileUpload> upload;
    std::vector<ByteRange> sent;  ///< What of the promise was fed.
    bool fed = false;             ///< All of it was.
  };

  /// `initial` as for GrowingUpload. `restored`: no upload begins while the file grows, for some of
  /// it is promised.
  BegunUploads(WriteBackCore& core, const std::shared_ptr<JournalUploads>& uploads,
               Metadata initial, std::optional<JournalUpload> earlier, bool restored);

  /// Something was sent under the file's present key.
  bool any() const noexcept { return growing_.under_way() || failed_.has_value(); }
  void feed(const PendingObject& object, const ContentMap& contents, ByteRange stored) {
    growing_.feed(object, contents, stored);
  }
  void keep(FailedTry failed);
  EarlierUpload& earlier() noexcept { return earlier_; }
  /// For a run of `promise` under `key`, before any other upload begins.
  std::optional<Begun> take(const PromisePtr& promise, const std::string& key);

  /// Bytes from `offset` to `end` are about to change.
  void changing(uint64_t offset, uint64_t end);
  /// The name is about to go: gives up all, for good.
  void drop(Deferred& after);
  /// Leaves them to the caller to cancel; but for a dead mount's, which a later mount may go on
  /// with.
  std::vector<std::shared_ptr<FileUpload>> close();

 private:
  const std::shared_ptr<JournalUploads> uploads_;
  GrowingUpload growing_;
  EarlierUpload earlier_;
  std::optional<FailedTry> failed_;
  bool failed_disowned_ = false;  ///< Its parts hold bytes that were written over since.
};

}  // namespace penstock
