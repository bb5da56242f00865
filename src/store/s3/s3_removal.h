// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// DeleteObjects for what XML can carry, DeleteObject for every other key, and for all of them
/// where the server has no DeleteObjects (Google Cloud Storage had none for long). The session
/// remembers that. At most 1,000 keys. Called without locks; `done` as S3Session::send.
void remove_keys(S3Session& session, std::vector<std::string> keys,
                 Done<std::vector<DeleteFailure>> done);

}  // namespace penstock
