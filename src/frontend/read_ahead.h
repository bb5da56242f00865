// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "penstock/result.h"

namespace penstock {

/// Raises the kernel's read-ahead of the file system mounted at `mountpoint`. FUSE's INIT can only
/// lower it from the 128 KiB of a new device, which makes every request of a stream 128 KiB small;
/// the rest is in sysfs, for root alone. access_denied where that may not be written: the mount
/// works all the same.
Result<void> set_kernel_read_ahead(const std::string& mountpoint, uint64_t bytes);

}  // namespace penstock
