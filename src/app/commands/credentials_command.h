// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock credentials` with these arguments: where the credentials come from that a mount would
/// use, and until when they hold; never they themselves. 0; 1 with a message where there are none.
int credentials_command(std::span<const std::string> arguments, const Streams& streams,
                        const Environment& environment);

}  // namespace penstock
