// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "app/environment.h"

namespace penstock {

/// `penstock warm` with these arguments: fetches files into the cache. 0 where all of them are
/// there afterwards, else 1; 128 and the signal's number where one ended it.
int warm_command(std::span<const std::string> arguments, const Streams& streams,
                 const Environment& environment);

}  // namespace penstock
