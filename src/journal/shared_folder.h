// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/disk.h"

namespace penstock {

/// The name of the file system that the folder is on where other machines may see the folder too,
/// or nobody can know ("NFS"); empty: this machine alone does, or that cannot be found out. On such
/// a file system a lock (flock) may be known to one machine only: that nobody holds the lock of a
/// journal does not say that its mount is dead.
std::string shared_by_machines(Disk& disk, const std::string& folder);

}  // namespace penstock
