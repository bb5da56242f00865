// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// Whether connections can be made so. invalid_argument with a sentence for a person where options
/// contradict one another, or name a file that cannot be read. Blocks on the disk.
Result<void> check_connection(const StoreOptions& options);

}  // namespace penstock
