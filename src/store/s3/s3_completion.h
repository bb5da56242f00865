// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// Completes a multipart upload, and finds out what became of it where the answer does not tell.
/// The object's size is the sum of the parts' as they are named. Called without locks; `done` as
/// S3Session::send.
void complete_parts(S3Session& session, CompleteUpload request, Done<ObjectInfo> done);

}  // namespace penstock
