// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// Tells `visit` of every object that `request` lists, page by page; false from it ends that. The
/// result is whether there was any. Blocks. A store that refuses ListRequest::with_restore is asked
/// without.
Result<bool> for_each_object(ObjectStore& store, ListRequest request,
                             const std::function<bool(const ObjectInfo&)>& visit);

}  // namespace penstock
