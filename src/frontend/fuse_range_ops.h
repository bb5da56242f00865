// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frontend/fuse_api.h"

namespace penstock {

/// write, flush, fsync, fallocate, lseek and copy_file_range.
void add_range_operations(fuse_lowlevel_ops& operations);

}  // namespace penstock
