// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace penstock {

/// Between two steps of reading a file: waits while more than `most` of its bytes wait for the
/// disk, as `coming` tells.
void pace(uint64_t most, const std::function<uint64_t()>& coming);

}  // namespace penstock
