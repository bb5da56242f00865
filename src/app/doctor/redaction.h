// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Takes what must stay secret out of a text that is given to others: keys, tokens and passwords
/// that this process knows of, and whatever has their shape. Immutable.
class Redaction {
 public:
  /// The secrets of environment variables (those of AWS, passwords in URLs), and of the AWS CLI's
  /// files (`files`: their text).
  Redaction(const std::map<std::string, std::string>& variables,
            const std::vector<std::string>& files);

  /// `text` with "***" in place of each secret: also of the user and password of URLs, of values of
  /// X-Amz-Signature, X-Amz-Credential and X-Amz-Security-Token, and of the Authorization header.
  std::string clean(std::string_view text) const;

 private:
  void add(std::string_view secret, size_t shortest);

  std::vector<std::string> secrets_;  ///< The longest first.
};

}  // namespace penstock
