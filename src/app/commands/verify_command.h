// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock verify`. `arguments` are those behind these words; the result is the exit status: 1
/// where an object differs, 2 where one cannot be read, or the arguments are wrong.
int verify_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
