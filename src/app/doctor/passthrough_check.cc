// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/passthrough_check.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include "app/doctor/kernel_checks.h"

namespace penstock {

PassthroughFacts read_passthrough_facts(const std::string& cache_type) {
  utsname kernel{};
  uname(&kernel);
  return {.kernel = kernel.release,
          .libfuse = libfuse_passthrough(),
          .may_administer = may_administer(),
          .cache_type = cache_type};
}

Finding judge(const PassthroughFacts& facts) {
  const auto off = [](const std::string& why, const std::string& advice) {
    return Finding::note("passthrough", "off: " + why,
                         advice + "; without it cached files are read through Penstock, slower");
  };
  if (!facts.libfuse.on) return off(facts.libfuse.why_not, "build with a newer libfuse");
  if (!kernel_at_least(facts.kernel, 6, 9))
    return off(fmt::format("the kernel is {}", facts.kernel), "Linux 6.9 and newer have it");
  if (!facts.may_administer) {
    return off("it needs CAP_SYS_ADMIN", "mount as root, or give a container --cap-add SYS_ADMIN");
  }
  // The kernel takes no backing file that lies on a stacked file system (max_backing_stack_depth).
  if (facts.cache_type == "overlay" || facts.cache_type.starts_with("fuse")) {
    return off(
        fmt::format("the cache lies on {}, of which the kernel takes no files", facts.cache_type),
        "give a --cache-dir on a disk of this machine");
  }
  return Finding::ok("passthrough", "the kernel, libfuse and these rights allow it");
}

}  // namespace penstock
