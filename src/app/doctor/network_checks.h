// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "app/doctor/finding.h"
#include "http/connection_probe.h"
#include "penstock/result.h"
#include "store/store_origin.h"

namespace penstock {

/// Where endpoint, region and credentials come from.
Findings judge(const StoreOrigin& origin);
/// Nothing where requests are not signed. `now` is this machine's clock.
Finding judge(const Result<CredentialsOrigin>& credentials,
              std::chrono::system_clock::time_point now);
/// Name, connection, certificate, answer and the server's clock.
Findings judge(const ConnectionFacts& facts);

}  // namespace penstock
