// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

/// Percent-encodes every byte but A-Z a-z 0-9 - . _ ~ as SigV4 demands it.
std::string uri_encode(std::string_view bytes);
/// The same, but "/" stays: for keys in paths and in x-amz-copy-source.
std::string uri_encode_path(std::string_view bytes);
/// Undoes percent-encoding, with "+" for a blank, as listings with encoding-type=url have it. Empty
/// where the text is not validly encoded.
std::optional<std::string> uri_decode(std::string_view text);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// The canonical query string of SigV4: encoded, sorted by name and value, with "=" also where
/// there is no value.
std::string canonical_query(const QueryParameters& parameters);
/// What is sent: as canonical, but without the "=" of parameters without value ("?uploads").
std::string request_query(const QueryParameters& parameters);

}  // namespace penstock
