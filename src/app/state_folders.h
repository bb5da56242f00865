// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "app/environment.h"
#include "app/machine_state.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// Where the mounts of `options`, and all that the configuration names, keep journals and notes.
/// The error, of the configuration, is a sentence for a person.
Result<std::vector<StateFolders>> state_folders_of(const Options& options,
                                                   const Environment& environment);

}  // namespace penstock
