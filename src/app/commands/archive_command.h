// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock archive`; returns the exit status: 0 all is in the class, 1 something failed.
int archive_command(std::span<const std::string> arguments, const Streams& streams,
                    const Environment& environment);

}  // namespace penstock
