// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/doctor/finding.h"
#include "frontend/features.h"

namespace penstock {

/// Whether opens of cached files can be handed to the kernel.
struct PassthroughFacts {
  std::string kernel;  ///< Its release.
  Feature libfuse;
  bool may_administer = false;  ///< CAP_SYS_ADMIN.
  std::string cache_type;       ///< The file system of the cache, as /proc/mounts calls it.
};

PassthroughFacts read_passthrough_facts(const std::string& cache_type);
Finding judge(const PassthroughFacts& facts);

}  // namespace penstock
