// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::test {

constexpr uint64_t kib = 1ULL << 10;
constexpr uint64_t mib = 1ULL << 20;
constexpr uint64_t gib = 1ULL << 30;

}  // namespace penstock::test
