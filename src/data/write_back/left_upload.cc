// SPDX-License-Identifier: Apache-2.0
// A pending file's multipart upload that a dead mount had begun.
#include <utility>

#include "data/write_back/pending_file.h"

namespace penstock {

void PendingFile::ask_for_parts(const RunPtr& run, JournalUpload left) {
  std::string key = left.key;
  std::string id = left.upload_id;
  auto answered = [self = shared_from_this(), run,
                   left = std::move(left)](Result<std::vector<CompletedPart>> parts) mutable {
    if (!parts && parts.code() != Code::not_found) {
      {
        // To be asked again, if its parts are still the file's then.
        const MutexLock lock(self->mutex_);
        self->left_ = std::move(left);
        if (run->disowned || self->held_) self->give_up_left();
      }
      return self->run_ended(run, parts.error());
    }
    std::optional<LeftUpload> upload;
    if (parts) {
      upload = LeftUpload{.id = std::move(left.upload_id),
                          .metadata = std::move(left.metadata),
                          .parts = std::move(*parts)};
    } else {
      self->uploads_->ended(left.key, left.upload_id);
    }
    self->core_.parts.scheduler.post([self, run, upload = std::move(upload)]() mutable {
      self->prepare(run, std::move(upload));
    });
  };
  core_.parts.store.list_parts(std::move(key), std::move(id), std::move(answered));
}

/// What its parts hold is, or may be, no longer the file's.
void PendingFile::give_up_left() {
  if (auto left = std::exchange(left_, std::nullopt))
    abort_left(std::move(left->key), std::move(left->upload_id));
}

/// Nobody goes on with that upload, whatever becomes of the request.
void PendingFile::abort_left(std::string key, std::string upload_id) {
  uploads_->disown();
  core_.parts.scheduler.post(
      [self = shared_from_this(), key = std::move(key), upload_id = std::move(upload_id)] {
        self->core_.parts.store.abort_upload(key, upload_id,
                                             [self, key, upload_id](const Result<void>& aborted) {
                                               if (aborted || aborted.code() == Code::not_found)
                                                 self->uploads_->ended(key, upload_id);
                                             });
      });
}

}  // namespace penstock
