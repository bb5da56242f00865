// SPDX-License-Identifier: Apache-2.0
#include "server/request_signer.h"

#include <algorithm>
#include <array>

#include "server/digest.h"
#include "server/text.h"

namespace penstock::test {
namespace {

std::string encoded_query(const SignedRequest& request) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [name, value] : request.query)
    items.emplace_back(uri_encode(name), uri_encode(value));
  std::sort(items.begin(), items.end());
  std::string text;
  for (const auto& [name, value] : items) {
    if (!text.empty()) text += '&';
    text.append(name).append("=").append(value);
  }
  return text;
}

}  // namespace

std::string request_target(const SignedRequest& request) {
  const std::string query = encoded_query(request);
  return uri_encode(request.path, true) + (query.empty() ? "" : "?" + query);
}

void sign(SignedRequest& request, const SignerCredentials& credentials, time_t now) {
  std::tm parts = {};
  gmtime_r(&now, &parts);
  std::array<char, 32> stamp = {};
  strftime(stamp.data(), stamp.size(), "%Y%m%dT%H%M%SZ", &parts);
  const std::string time = stamp.data();
  const std::string date = time.substr(0, 8);
  request.headers["x-amz-date"] = time;
  request.headers["x-amz-content-sha256"] = request.payload_hash;
  if (!credentials.session_token.empty())
    request.headers["x-amz-security-token"] = credentials.session_token;

  std::string names;
  std::string canonical =
      request.method + "\n" + uri_encode(request.path, true) + "\n" + encoded_query(request) + "\n";
  for (const auto& [name, value] : request.headers) {
    canonical.append(name).append(":").append(trimmed(value)).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  canonical.append("\n").append(names).append("\n").append(request.payload_hash);
  const std::string scope = date + "/" + credentials.region + "/s3/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" +
                              hex(digest(DigestKind::sha256, canonical));
  std::string key = hmac_sha256("AWS4" + credentials.secret_key, date);
  for (const std::string& step :
       {credentials.region, std::string("s3"), std::string("aws4_request")}) {
    key = hmac_sha256(key, step);
  }
  request.headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" +
                                     scope + ", SignedHeaders=" + names +
                                     ", Signature=" + hex(hmac_sha256(key, to_sign));
}

}  // namespace penstock::test
