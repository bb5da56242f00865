// SPDX-License-Identifier: Apache-2.0
#include "base/writer_mark.h"

#include <fmt/core.h>

#include <random>

namespace penstock {

std::string new_mark() {
  std::random_device random;
  std::string mark;
  for (int i = 0; i < 4; ++i) mark += fmt::format("{:08x}", random() & 0xffffffffU);
  return mark;
}

}  // namespace penstock
