// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock config check [FILE]` says all that is wrong with configuration files; `penstock config
/// show [NAME]` prints the options that hold. Returns the exit status.
int config_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
