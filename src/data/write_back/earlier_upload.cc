// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/earlier_upload.h"

#include <utility>
#include <vector>

namespace penstock {

void EarlierUpload::give_up() {
  if (auto upload = take())
    abort(core_, uploads_, std::move(upload->key), std::move(upload->upload_id));
}

void EarlierUpload::ask(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads,
                        JournalUpload upload, Done<std::optional<LeftUpload>> done) {
  std::string key = upload.key;
  std::string upload_id = upload.upload_id;
  auto answered = [uploads = std::move(uploads), upload = std::move(upload),
                   done = std::move(done)](Result<std::vector<CompletedPart>> parts) mutable {
    if (!parts && parts.code() != Code::not_found) return done(parts.error());
    std::optional<LeftUpload> left;
    if (parts) {
      left = LeftUpload{.id = std::move(upload.upload_id),
                        .metadata = std::move(upload.metadata),
                        .parts = std::move(*parts)};
    } else {
      uploads->ended(upload.key, upload.upload_id);
    }
    done(std::move(left));
  };
  core.parts.store.list_parts(std::move(key), std::move(upload_id), std::move(answered));
}

/// No mount goes on with it, whatever becomes of the request.
void EarlierUpload::abort(WriteBackCore& core, std::shared_ptr<JournalUploads> uploads,
                          std::string key, std::string upload_id) {
  uploads->disown();
  core.parts.scheduler.post([&core, pass = core.gate.pass(), uploads = std::move(uploads),
                             key = std::move(key), upload_id = std::move(upload_id)]() mutable {
    core.parts.store.abort_upload(key, upload_id,
                                  [pass = std::move(pass), uploads = std::move(uploads), key,
                                   upload_id](const Result<void>& aborted) {
                                    if (aborted || aborted.code() == Code::not_found)
                                      uploads->ended(key, upload_id);
                                  });
  });
}

}  // namespace penstock
