// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Encodings of S3's wire format, for the test server only: written apart from Penstock's own so
// that a mistake there does not hide behind the same mistake here.
namespace penstock::test {

std::string lower_case(std::string_view text);
std::string_view trimmed(std::string_view text);
std::optional<uint64_t> parse_number(std::string_view digits);

std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

/// Percent-encodes all but A-Z a-z 0-9 - _ . ~ (and "/" where `keep_slash`), in upper case.
std::string uri_encode(std::string_view text, bool keep_slash = false);
/// nullopt where a "%" is not followed by two hex digits. `plus_is_space` as in a query.
std::optional<std::string> uri_decode(std::string_view text, bool plus_is_space = false);

/// As AWS S3 writes names: control characters as references, which XML 1.0 forbids.
std::string xml_escape(std::string_view text);
/// False where a document has a control character that XML 1.0 forbids, or a reference to one.
bool xml_can_carry(std::string_view document);
std::string xml_unescape(std::string_view text);
/// The contents of the elements of that name, at any depth but not inside one another; enough for
/// the bodies of S3.
std::vector<std::string> xml_elements(std::string_view document, std::string_view name);
/// The unescaped text of the first such element, or "".
std::string xml_text(std::string_view document, std::string_view name);

std::string http_date(time_t when);                             ///< "Tue, 24 Nov 2026 04:00:00 GMT"
std::string iso_date(time_t when);                              ///< "2026-11-24T04:00:00.000Z"
std::optional<time_t> parse_amz_date(const std::string& text);  ///< "20261124T040000Z"
std::optional<time_t> parse_http_date(const std::string& text);

}  // namespace penstock::test
