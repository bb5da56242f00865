// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace penstock {

/// Bytes in several places that together answer one read, and what keeps those places alive and
/// unchanged. A value type; copies share the memory.
struct Slices {
  std::vector<std::span<const std::byte>> spans;
  std::vector<std::shared_ptr<const void>> owners;

  uint64_t size() const noexcept {
    uint64_t total = 0;
    for (const auto& span : spans) total += span.size();
    return total;
  }
};

}  // namespace penstock
