// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/environment.h"

namespace penstock {

/// The whole program: `arguments` begin with its name, under which it also understands to be
/// mount(8)'s helper (mount.penstock, mount.fuse.penstock) and umount(8)'s (umount.penstock,
/// umount.fuse.penstock). Returns the exit status: 0, or 1 after a message on streams.err.
int run(const std::vector<std::string>& arguments, const Streams& streams,
        const Environment& environment);

}  // namespace penstock
