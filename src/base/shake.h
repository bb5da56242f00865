// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock {

/// Now and then sleeps for a moment. Mutex calls it whenever it is unlocked in builds with
/// ThreadSanitizer (PENSTOCK_SHAKE): what a thread still does after it let go of a lock then meets
/// the other threads, which it hardly ever does otherwise. Thread-safe.
void shake() noexcept;

}  // namespace penstock
