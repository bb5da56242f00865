// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

/// A request as raw clients (the tests of the server, the benchmark's raw client) build it.
struct SignedRequest {
  std::string method = "GET";
  std::string path;  ///< "/bucket/key", not yet percent-encoded.
  std::vector<std::pair<std::string, std::string>> query;  ///< Not yet percent-encoded.
  std::map<std::string, std::string> headers;  ///< Names in lower case; "host" must be among them.
  std::string payload_hash = "UNSIGNED-PAYLOAD";
};

struct SignerCredentials {
  std::string access_key = "testaccess";
  std::string secret_key = "testsecret";
  std::string session_token;
  std::string region = "us-east-1";
};

/// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token and authorization.
void sign(SignedRequest& request, const SignerCredentials& credentials, time_t now);
/// Path and query as they go into the request line.
std::string request_target(const SignedRequest& request);

}  // namespace penstock::test
