// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock cache` with these arguments: ls, stats, verify or evict. Returns the exit status: 1
/// where the cache cannot be used, where damage was found, or where nothing was given to evict.
int cache_command(std::span<const std::string> arguments, const Streams& streams,
                  const Environment& environment);

}  // namespace penstock
