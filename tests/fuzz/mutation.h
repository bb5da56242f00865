// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::fuzz {

/// One of the `kept` inputs (at least one) after a few changes by chance: bits, bytes, pieces of
/// itself and of others, numbers at their limits. The same for the same `number`, and on any
/// machine.
std::string mutated(const std::vector<std::string>& kept, uint64_t number);

}  // namespace penstock::fuzz
