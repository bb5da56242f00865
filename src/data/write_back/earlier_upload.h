// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "data/write_back/journal_uploads.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// The multipart upload of a restored file that a dead mount had begun. Either a run goes on with
/// it, or it is aborted: it is given up as soon as the bytes in its parts are, or may be, no longer
/// the file's, and the journal is told before it learns of any later state. Called under the file's
/// lock; the requests that it makes go out later, without it.
class EarlierUpload {
 public:
  EarlierUpload(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads,
                std::optional<JournalUpload> upload)
      : core_(core), uploads_(std::move(uploads)), upload_(std::move(upload)) {}

  /// Aborts it, where it is here.
  void give_up();
  /// Leaves it to the caller: give_up has no say in it until it is put back.
  std::optional<JournalUpload> take() { return std::exchange(upload_, std::nullopt); }
  /// What was taken and could not be asked for: to be asked for again.
  void put_back(JournalUpload upload) { upload_ = std::move(upload); }

  /// Asks the store which parts there are of an upload that was taken; without a lock. `done` gets
  /// nothing where the store has no such upload any more; after an error it is to be put back.
  static void ask(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads,
                  JournalUpload upload, Done<std::optional<LeftUpload>> done);
  /// Aborts one that was taken; with or without a lock.
  static void abort(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads, std::string key,
                    std::string upload_id);

 private:
  WriteBackCore& core_;
  const std::shared_ptr<JournalUploads> uploads_;
  std::optional<JournalUpload> upload_;
};

}  // namespace penstock
