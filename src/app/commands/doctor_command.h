// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// penstock doctor: what is wrong with this machine, a store or a mount, and what to do. The exit
/// status is 0 where nothing is wrong, else 1.
int doctor_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
