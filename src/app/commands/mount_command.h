// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock mount` with these arguments, or mount.penstock as mount(8) calls it. Returns the exit
/// status: of starting the mount, and in the process that serves it, of the mount's end (1 if files
/// could not be saved).
int mount_command(std::span<const std::string> arguments, bool mount_helper, const Streams& streams,
                  const Environment& environment);

}  // namespace penstock
