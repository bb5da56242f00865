// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/s3_session.h"

namespace penstock {

// Copies, which servers differ in most: each asks first what it must know of the server to be sure
// that it copies the right version of the right object. Called without locks; `done` as
// S3Session::send.

void copy_object(S3Session& session, CopyRequest request, Done<ObjectInfo> done);
void copy_part(S3Session& session, UploadPartCopy request, Done<CompletedPart> done);

}  // namespace penstock
