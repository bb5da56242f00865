// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "fs/core.h"

namespace penstock {

/// Renames everything under one prefix to another: every object is copied (many at a time), then
/// the old ones are deleted in batches. The caller has committed what is dirty below. Not atomic: a
/// crash leaves copies beside the originals, never fewer bytes than there were. A failed copy takes
/// the copies back and leaves the originals. `done` gets the new information of every copied object
/// through `copied` before it, by key relative to the prefix.
void rename_prefix(
    FsCore& core, std::string from, std::string to,
    std::function<void(const std::string& relative_key, const ObjectInfo& info)> copied,
    Done<void> done);

}  // namespace penstock
