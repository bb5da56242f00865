// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frontend/features.h"
#include "frontend/fuse_api.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// Decides, before the mount, whether its requests shall come over io_uring. Where that is asked
/// for and cannot be had, the error is a sentence for a person.
///
/// The kernel then has one queue for each CPU, libfuse one thread, and a request occupies an entry
/// of its queue until it is answered: at most io_uring_depth() of a CPU are on their way to the
/// store, the next ones wait. Nor does the kernel's word that a program is being killed reach the
/// request that it waits for.
Result<Feature> decide_io_uring(MountOptions::IoUring wish);

/// Entries of each queue, of 1 MiB each: 64 over all CPUs, but at least 2 for each.
uint32_t io_uring_depth();

/// Tells the kernel's INIT so. `feature` must be what decide_io_uring() said; a kernel that does
/// not offer it turns it off.
void want_io_uring(fuse_conn_info& connection, Feature& feature);

/// libfuse ends the threads of its queues by cancelling them, also in the middle of C++ code, which
/// that ends the process. To be called by them: they then end when they are told to, and are idle.
void refuse_cancellation();

/// Ends those threads. Once, for a session that has ended and whose requests are all answered.
void stop_io_uring(fuse_session* session);

}  // namespace penstock
