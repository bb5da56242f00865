// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulation/runner.h"

namespace penstock::sim {

/// Leaves out steps of a failing run for as long as it fails in the same way, and tells what is
/// left.
std::string shrink(RunServer& server, const Job& failing, const JobResult& result);

}  // namespace penstock::sim
