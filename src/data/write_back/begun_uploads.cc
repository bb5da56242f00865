// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/begun_uploads.h"

namespace penstock {

BegunUploads::BegunUploads(WriteBackCore& core, const std::shared_ptr<JournalUploads>& uploads,
                           Metadata initial, std::optional<JournalUpload> earlier, bool restored)
    : uploads_(uploads),
      growing_(core, uploads, std::move(initial)),
      earlier_(core, uploads, std::move(earlier)) {
  if (restored) growing_.forbid();
}

std::optional<BegunUploads::Begun> BegunUploads::take(const PromisePtr& promise,
                                                      const std::string& key) {
  if (auto failed = std::exchange(failed_, std::nullopt)) {
    if (failed->promise == promise && failed->key == key && !failed_disowned_) {
      growing_.forbid();
      return Begun{.upload = std::move(failed->upload), .sent = {}, .fed = true};
    }
    uploads_->disown();
    failed->upload->cancel_soon();
  }
  std::optional<GrowingUpload::Begun> grown = growing_.hand_over(promise->contents.size());
  if (!grown) return std::nullopt;
  return Begun{.upload = std::move(grown->upload), .sent = {grown->sent}, .fed = false};
}

void BegunUploads::keep(FailedTry failed) {
  failed_ = std::move(failed);
  failed_disowned_ = false;
}

void BegunUploads::changing(uint64_t offset, uint64_t end) {
  growing_.changing(offset, end);
  const bool of_failed = failed_ && offset < failed_->promise->contents.size();
  if (of_failed && !std::exchange(failed_disowned_, true)) uploads_->disown();
  earlier_.give_up();
}

void BegunUploads::drop(Deferred& after) {
  growing_.drop();
  earlier_.give_up();
  uploads_->disown();
  if (auto failed = std::exchange(failed_, std::nullopt))
    after.call([upload = std::move(failed->upload)] { upload->cancel(); });
}

std::vector<std::shared_ptr<FileUpload>> BegunUploads::close() {
  std::vector<std::shared_ptr<FileUpload>> uploads;
  if (auto upload = growing_.take()) uploads.push_back(std::move(upload));
  if (auto failed = std::exchange(failed_, std::nullopt))
    uploads.push_back(std::move(failed->upload));
  return uploads;
}

}  // namespace penstock
