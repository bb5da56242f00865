// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock umount` with these arguments: takes the mount away, then waits until its process has
/// uploaded everything and ended. 0 if all is saved; 1 with a message otherwise. Also cleans up a
/// mount whose process has died.
int umount_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment);

}  // namespace penstock
