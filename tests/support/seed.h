// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace penstock::test {

/// The number that the environment variable has; `otherwise` where it is not set.
inline uint64_t number_from(const std::string& variable, uint64_t otherwise) {
  const char* value = getenv(variable.c_str());
  return value == nullptr ? otherwise : std::stoull(value);
}

/// The seed of a test by chance, another one each time: it is printed, and the variable has the
/// test use it again.
inline uint64_t seed_from(const std::string& variable, std::string_view test) {
  const uint64_t seed = number_from(variable, std::random_device{}());
  std::cout << test << ": " << variable << "=" << seed << std::endl;  // also if it crashes
  return seed;
}

}  // namespace penstock::test
