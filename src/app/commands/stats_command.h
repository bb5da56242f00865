// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock stats`: what mounts have done since they were made, and what they are doing. Returns
/// the exit status: 1 where there is no such mount, or one does not tell.
int stats_command(std::span<const std::string> arguments, const Streams& streams,
                  const Environment& environment);

}  // namespace penstock
