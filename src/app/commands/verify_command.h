// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock verify`. `arguments` are those behind these words; the result is the exit status:
/// VerifyReport::Counts::status(), or 2 where nothing could be begun, as with wrong arguments.
int verify_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
