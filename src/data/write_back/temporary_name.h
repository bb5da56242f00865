// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock {

/// Whether a key's last component is a name that programs give to what they are about to rename
/// (x.tmp, x.partial, .x.swp and the like): its upload is put off, for under its final name it
/// costs no copy.
bool temporary_name(std::string_view key);

}  // namespace penstock
