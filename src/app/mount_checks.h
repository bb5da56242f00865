// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/environment.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "store/store_factory.h"

namespace penstock {

/// True where nobody answers for the mount any more.
bool is_dead(const std::string& mountpoint);

/// What may be mounted on: nothing is there, or an automount's point; or a mount of the same store
/// that has died, which is to be cleared first.
enum class MountpointState : uint8_t { free, dead };

/// Whether `url` can be mounted at `mount.mountpoint` (canonical): a directory that is there, with
/// nothing mounted on it and nothing in it, or a dead Penstock mount of the same bucket and prefix.
/// The error is a sentence that says what to do, also where another mount that died is in the way.
Result<MountpointState> check_mountpoint(const MountOptions& mount, const StoreUrl& url,
                                         const Environment& environment);
/// Takes away the dead mounts of `url` there, and checks the mountpoint again.
Result<void> clear_dead_mounts(const MountOptions& mount, const StoreUrl& url,
                               const Environment& environment);

/// Whether this machine can mount with FUSE at all: the device is there and may be opened. The
/// error says what to install, load or pass to a container.
Result<void> check_fuse(const Environment& environment);

/// Whether the folders where the mount keeps data, journals and notes, and the log's file, are this
/// user's alone (base/trusted_path.h): who else could write there could read what is kept or feed
/// the mount bytes. Not in a container, where whoever is there was let in. `options` are complete.
Result<void> check_kept_folders(const Options& options, const Environment& environment);

/// A file:// store must not lie under its own mountpoint, nor the mountpoint inside the store: the
/// mount would wait for itself.
Result<void> check_no_loop(const StoreUrl& url, const std::string& mountpoint);

}  // namespace penstock
