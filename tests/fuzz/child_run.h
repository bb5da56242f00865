// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "fuzz/target.h"

namespace penstock::fuzz {

/// Runs the target on inputs 0 to `count`, in a process of its own: where that ends before it has
/// run them all, or takes more than ten minutes, returns the number of the input that it was at.
/// `count`: it leaks memory, or left the program.
std::optional<uint64_t> first_to_fail(const Target& target, uint64_t count,
                                      const std::function<std::string(uint64_t)>& input);

}  // namespace penstock::fuzz
