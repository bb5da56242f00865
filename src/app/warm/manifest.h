// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "penstock/result.h"

namespace penstock {

/// Names one a line, read as they are needed; blank lines and those that begin with # are passed
/// over. `file` "-" is standard input. False from `visit` ends it.
Result<void> read_manifest(const std::string& file,
                           const std::function<bool(const std::string& name)>& visit);

/// What a line of a manifest means below `base` (no slash at its end): a relative name is one of
/// `base`, an absolute one must lie below it. not_found, with a sentence, where it does not.
Result<std::string> place_below(const std::string& base, const std::string& name);

}  // namespace penstock
