// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "server/message.h"

namespace penstock::test {

/// What a request must be signed with, and when it is.
struct SigningRules {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::string region;
  bool redirect_regions = false;
  time_t now = 0;
};

/// The answer to a request whose AWS Signature Version 4 (header or presigned URL) is missing or
/// wrong, or nullopt if it is right. Stricter than some servers: every x-amz-* header and the host
/// must be signed.
std::optional<Response> check_signature(const Request& request, const SigningRules& rules);

}  // namespace penstock::test
