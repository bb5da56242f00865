// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock {

/// libcurl's one piece of process-wide state: set up before the first use and kept until the
/// process ends, for other users of libcurl in the same process may come and go as well. Throws
/// std::runtime_error where that fails. Thread-safe.
void initialise_curl();

}  // namespace penstock
