// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock restore`; returns the exit status: 0 all can be read, 1 something failed, 2 with
/// --no-wait: something is not restored yet.
int restore_command(std::span<const std::string> arguments, const Streams& streams,
                    const Environment& environment);

}  // namespace penstock
