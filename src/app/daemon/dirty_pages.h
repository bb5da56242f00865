// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "base/log.h"

namespace penstock {

/// Has the kernel send what programs have changed in mapped files of the mount, and waits until the
/// mount's process was given all of it, at most `limit`. The mount's requests must be served
/// meanwhile, by other threads. `device` is the mount's as mountinfo shows it ("0:52").
///
/// The kernel is asked by a process of its own (sync(1)): one that is stuck in the kernel, since
/// the mount does not answer, must not keep this process, whose end is what frees it.
void send_dirty_pages(const std::string& mountpoint, const std::string& device,
                      std::chrono::milliseconds limit, Log& log);

}  // namespace penstock
