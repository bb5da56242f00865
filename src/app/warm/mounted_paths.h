// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/environment.h"
#include "app/warm/mounted_files.h"

namespace penstock {

/// The paths that a command was given, which lie in mounts of Penstock's. invalid_argument where
/// one does not; `instead` says what is possible then.
Result<std::vector<WarmRequest::Path>> mounted_paths(const std::vector<std::string>& given,
                                                     const Environment& environment,
                                                     std::string_view instead);

}  // namespace penstock
