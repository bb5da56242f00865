// SPDX-License-Identifier: Apache-2.0
// How an intent, whose text intent.cc knows, gets into the bucket.
#include <utility>

#include "fs/moves/intent.h"
#include "fs/moves/lease.h"

namespace penstock {

void write_intent(FsCore& core, const std::shared_ptr<HeldIntent>& held, Done<void> done) {
  Precondition condition{.if_match = held->etag, .if_none_match = held->etag.empty()};
  put_own(core, core.own.intent(held->intent.id), to_text(held->intent), std::move(condition),
          [held, done = std::move(done)](const Result<ObjectInfo>& written) mutable {
            if (!written) return done(written.error());
            held->etag = written->etag;
            if (held->intent.since_ns == 0) held->intent.since_ns = written->last_modified_ns;
            done({});
          });
}

}  // namespace penstock
