// SPDX-License-Identifier: Apache-2.0
#include "frontend/features.h"

#include <fmt/core.h>
#include <linux/capability.h>

#include <cstdint>
#include <fstream>

namespace penstock {

std::string describe(const FuseFeatures& features) {
  const auto state = [](const Feature& feature) {
    return feature.on ? std::string("on") : fmt::format("off ({})", feature.why_not);
  };
  return fmt::format("passthrough: {}; io_uring: {}", state(features.passthrough),
                     state(features.io_uring));
}

bool direct_writes_show(uint32_t protocol_minor) { return protocol_minor >= 39; }

bool may_administer() {
  std::ifstream status("/proc/thread-self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("CapEff:"))
      return (std::stoull(line.substr(line.find(':') + 1), nullptr, 16) >> CAP_SYS_ADMIN & 1) != 0;
  }
  return false;
}

}  // namespace penstock
