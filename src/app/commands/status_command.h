// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock status` with these arguments: what was written and is not in the bucket yet, of the
/// mounts that live and of those that died. 0; 1 with a message where that cannot be told.
int status_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
