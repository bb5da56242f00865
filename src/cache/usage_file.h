// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/disk.h"
#include "cache/map_format.h"

namespace penstock {

/// Makes a new Usage from the one that the file had; nothing: there was none that could be read.
using UsageChange = std::function<Usage(const std::optional<Usage>& before)>;

/// Changes the usage that all processes share, in the file at `path`, made if need be, and says in
/// `now` what it is then. One process at a time: -EWOULDBLOCK where another one is at it and does
/// not end. 0, or a negated errno.
int change_usage(const std::shared_ptr<Disk>& disk, const std::string& path,
                 const UsageChange& change, Usage& now);

}  // namespace penstock
