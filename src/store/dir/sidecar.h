// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>

#include "penstock/object_store.h"

namespace penstock {

/// Where metadata are kept that a file's extended attributes cannot hold: .penstock/meta, one file
/// for one version of a file, named after its inode and mtime. So it is in place before the file
/// becomes the object, and means nothing for what another program puts there.
inline constexpr const char* sidecar_folder = "meta";
std::string sidecar_name(const struct stat& status);
/// Empty where there is none.
Metadata read_sidecar(int folder, const struct stat& status);

}  // namespace penstock
