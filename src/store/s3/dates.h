// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock {

/// Nanoseconds since the epoch of "Sun, 06 Nov 1994 08:49:37 GMT" (HTTP headers).
std::optional<int64_t> parse_http_date(std::string_view text);
/// Nanoseconds since the epoch of "2024-02-29T01:02:03.456Z" (XML answers), fraction optional; UTC
/// only.
std::optional<int64_t> parse_iso_date(std::string_view text);

}  // namespace penstock
