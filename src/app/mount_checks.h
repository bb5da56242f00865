// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/environment.h"
#include "penstock/result.h"
#include "store/store_factory.h"

namespace penstock {

/// True where nobody answers for the mount any more.
bool is_dead(const std::string& mountpoint);

/// Whether something can be mounted at `mountpoint` (canonical): a directory that is there, with
/// nothing mounted on it. The error is a sentence that says what to do, also where a Penstock mount
/// that died is in the way.
Result<void> check_mountpoint(const std::string& mountpoint, const Environment& environment);

/// Whether this machine can mount with FUSE at all: the device is there and may be opened. The
/// error says what to install, load or pass to a container.
Result<void> check_fuse(const Environment& environment);

/// A file:// store must not lie under its own mountpoint, nor the mountpoint inside the store: the
/// mount would wait for itself.
Result<void> check_no_loop(const StoreUrl& url, const std::string& mountpoint);

}  // namespace penstock
