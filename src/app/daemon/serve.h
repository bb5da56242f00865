// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/daemon/background.h"
#include "app/environment.h"
#include "penstock/options.h"
#include "store/store_factory.h"

namespace penstock {

/// Mounts in this process, reports, serves until the mount ends, ends it in order. Returns the exit
/// status: 0, or 1 where the start failed, serving failed, or files could not be saved. These are
/// listed on `terminal->err`; in the log where there is no terminal. `options` must be complete,
/// see Mount::start. The process must have one thread only.
int serve_mount(const Options& options, const StoreUrl& url, const Environment& environment,
                StartReport& report, const Streams* terminal);

}  // namespace penstock
