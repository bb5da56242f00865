// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/ioctl.h>

#include "penstock/cache_share.h"

namespace penstock {

/// ioctl(2) on a file that is open for reading: fills in a CacheShare. EOPNOTSUPP where the mount
/// has no cache, ENOTTY on files of others.
constexpr unsigned long cache_share_request = _IOR('P', 1, CacheShare);

}  // namespace penstock
