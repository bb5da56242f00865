// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

std::string base64_encode(std::string_view bytes);
/// Nothing where `text` is no base64 with its padding, in one line.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace penstock
