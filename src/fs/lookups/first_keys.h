// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/nodes/core.h"
#include "penstock/object_store.h"

namespace penstock {

/// The first `request.max_keys` keys and common prefixes below the request's prefix, or all where
/// there are no more: with one page, mostly. A store may answer with fewer than it was asked for,
/// with none even, and say that there is more ("Amazon S3 API reference", ListObjectsV2:
/// IsTruncated, MaxKeys): of a directory whose first page shows its own object alone nobody knows
/// whether it is empty. `continuation` of what is delivered tells whether there is more. Calls
/// `done` on a thread of the store, with no lock held; the file system's end waits for that.
void first_keys(FsCore& core, ListRequest request, Done<ListPage> done);

}  // namespace penstock
