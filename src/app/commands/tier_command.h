// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock tier`; returns the exit status: 0, or 1 where something could not be looked at,
/// or a lifecycle rule is not as it should be.
int tier_command(std::span<const std::string> arguments, const Streams& streams,
                 const Environment& environment);

}  // namespace penstock
