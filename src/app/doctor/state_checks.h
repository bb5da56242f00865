// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "app/environment.h"
#include "app/machine_state.h"
#include "penstock/options.h"

namespace penstock {

/// What configuration files say wrong; nothing where they are right.
Findings judge_configuration(const std::vector<std::string>& files,
                             const std::vector<std::string>& problems);
/// Dead mounts, and files that are in no bucket yet.
Findings judge(const MachineState& state);

/// Reads both. `options` as given on the command line.
Findings check_state(const Options& options, const Environment& environment);

}  // namespace penstock
