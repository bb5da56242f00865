// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// An ETag of the usual form in 18 bytes instead of 80: the 32 lower-case hexadecimal digits of an
/// MD5 sum, and for what was uploaded in parts "-" and their number (Amazon S3 API Reference,
/// "Object"). Other ETags, which servers are free to give, have no such form.
class CompactEtag {
 public:
  CompactEtag() = default;  ///< Of no ETag at all.
  /// Nothing where it is of another form.
  static std::optional<CompactEtag> of(std::string_view etag);
  /// As it was given; empty for none.
  std::string text() const;
  bool operator==(const CompactEtag&) const = default;

 private:
  static constexpr uint16_t no_etag = 0xffff;
  static constexpr uint16_t no_parts = 0xfffe;  ///< Parts end at 10,000.

  std::array<uint8_t, 16> sum_{};
  uint16_t parts_ = no_etag;
};

}  // namespace penstock
