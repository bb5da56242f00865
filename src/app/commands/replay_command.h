// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock replay`: plays the operations of an access log on a directory, and compares how long
/// they take. Returns the exit status: 2 where some had another answer than the recorded one, 1
/// where it could not be done, 130 where it was interrupted.
int replay_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
