// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "app/doctor/finding.h"
#include "app/environment.h"
#include "frontend/features.h"

namespace penstock {

/// What a mount needs of the kernel and of the packages around FUSE.
struct KernelFacts {
  std::string release;       ///< "6.12.3-amd64", as uname tells it.
  std::string fuse_problem;  ///< Why /dev/fuse cannot be opened, and what to do; empty: it can.
  bool root = false;
  std::string fusermount;  ///< Where fusermount3 is; empty: nowhere in PATH.
  bool fusermount_setuid = false;
  bool user_allow_other = false;  ///< In /etc/fuse.conf.
  std::string mount_helper;       ///< Where mount.penstock is; empty: mount(8) finds none.
  std::string libfuse;            ///< That this program has.
  Feature io_uring;
};

KernelFacts read_kernel_facts(const Environment& environment);
Findings judge(const KernelFacts& facts);

/// Whether the kernel `release` is `major`.`minor` or newer; false where it is no version.
bool kernel_at_least(const std::string& release, uint32_t major, uint32_t minor);

}  // namespace penstock
