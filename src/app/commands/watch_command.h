// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/environment.h"

namespace penstock {

/// `penstock status --watch`: the mounts of this user on a terminal, again each second, until
/// Ctrl-C. Returns the exit status.
int watch_mounts(const Streams& streams, const Environment& environment);

}  // namespace penstock
