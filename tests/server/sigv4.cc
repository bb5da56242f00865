// SPDX-License-Identifier: Apache-2.0
#include "server/sigv4.h"

#include <algorithm>

#include "server/digest.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr time_t allowed_skew = 15 * 60;
constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

struct Signature {
  std::string access_key;
  std::string date;  // YYYYMMDD
  std::string region;
  std::string service;
  std::string terminator;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string time;
  bool presigned = false;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool parse_credential(std::string_view credential, Signature& out) {
  const std::vector<std::string> parts = split(credential, '/');
  if (parts.size() != 5) return false;
  out.access_key = parts[0];
  out.date = parts[1];
  out.region = parts[2];
  out.service = parts[3];
  out.terminator = parts[4];
  return true;
}

std::optional<Signature> from_header(const Request& request) {
  std::string_view text = request.headers.at("authorization");
  if (!text.starts_with(algorithm)) return std::nullopt;
  text.remove_prefix(algorithm.size());
  Signature signature;
  bool has_credential = false;
  for (const std::string& item : split(text, ',')) {
    const std::string_view field = trimmed(item);
    if (field.starts_with("Credential="))
      has_credential = parse_credential(field.substr(11), signature);
    if (field.starts_with("SignedHeaders="))
      signature.signed_headers = split(field.substr(14), ';');
    if (field.starts_with("Signature=")) signature.signature = field.substr(10);
  }
  signature.time = request.header("x-amz-date");
  if (!has_credential || signature.signed_headers.empty() || signature.signature.empty())
    return std::nullopt;
  return signature;
}

std::optional<Signature> from_query(const Request& request) {
  Signature signature;
  signature.presigned = true;
  if (request.query_value("X-Amz-Algorithm") != algorithm) return std::nullopt;
  if (!parse_credential(request.query_value("X-Amz-Credential"), signature)) return std::nullopt;
  signature.signed_headers = split(request.query_value("X-Amz-SignedHeaders"), ';');
  signature.signature = request.query_value("X-Amz-Signature");
  signature.time = request.query_value("X-Amz-Date");
  return signature;
}

std::string canonical_query(const Request& request) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [name, value] : request.query) {
    if (name != "X-Amz-Signature") items.emplace_back(uri_encode(name), uri_encode(value));
  }
  std::sort(items.begin(), items.end());
  std::string text;
  for (const auto& [name, value] : items) {
    if (!text.empty()) text += '&';
    text.append(name).append("=").append(value);
  }
  return text;
}

// Runs of blanks count as one.
std::string canonical_value(std::string_view value) {
  std::string text;
  for (const char c : trimmed(value)) {
    if (c != ' ' || text.empty() || text.back() != ' ') text += c;
  }
  return text;
}

std::string canonical_request(const Request& request, const Signature& signature) {
  std::string text = request.method + "\n";
  text += uri_encode(uri_decode(request.raw_path).value_or(request.raw_path), true) + "\n";
  text += canonical_query(request) + "\n";
  std::string names;
  for (const std::string& name : signature.signed_headers) {
    text.append(name).append(":").append(canonical_value(request.header(name))).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  text.append("\n").append(names).append("\n");
  text += signature.presigned ? "UNSIGNED-PAYLOAD" : request.header("x-amz-content-sha256");
  return text;
}

std::optional<Response> check_scope(const Signature& signature, const SigningRules& rules) {
  const std::optional<time_t> signed_at = parse_amz_date(signature.time);
  if (!signed_at)
    return error_response(403, "AccessDenied",
                          "AWS authentication requires a valid x-amz-date header");
  if (std::abs(*signed_at - rules.now) > allowed_skew) {
    return error_response(
        403, "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        "<RequestTime>" + signature.time + "</RequestTime><ServerTime>" + iso_date(rules.now) +
            "</ServerTime>");
  }
  if (signature.service != "s3" || signature.terminator != "aws4_request" ||
      !signature.time.starts_with(signature.date)) {
    return error_response(400, "AuthorizationHeaderMalformed", "The credential scope is malformed");
  }
  if (rules.redirect_regions && signature.region != rules.region) {
    Response redirect =
        error_response(301, "PermanentRedirect", "The bucket is in this region: " + rules.region,
                       "<Region>" + rules.region + "</Region>");
    redirect.add("x-amz-bucket-region", rules.region);
    return redirect;
  }
  return std::nullopt;
}

std::optional<Response> check_session_token(const Request& request, const SigningRules& rules,
                                            const Signature& signature) {
  const std::string token = signature.presigned ? request.query_value("X-Amz-Security-Token")
                                                : request.header("x-amz-security-token");
  if (token == rules.session_token) return std::nullopt;
  if (token.empty()) {
    return error_response(403, "InvalidAccessKeyId", "The access key needs a session token");
  }
  return error_response(400, "InvalidToken",
                        "The provided token is malformed or otherwise invalid.");
}

std::optional<Response> check_signed_headers(const Request& request, const Signature& signature) {
  const auto is_signed = [&](const std::string& name) {
    return std::find(signature.signed_headers.begin(), signature.signed_headers.end(), name) !=
           signature.signed_headers.end();
  };
  for (const auto& [name, value] : request.headers) {
    if ((name == "host" || name.starts_with("x-amz-")) && !is_signed(name)) {
      return error_response(403, "AccessDenied",
                            "There were headers present in the request which were not signed",
                            "<HeadersNotSigned>" + name + "</HeadersNotSigned>");
    }
  }
  if (!std::is_sorted(signature.signed_headers.begin(), signature.signed_headers.end())) {
    return error_response(400, "AuthorizationHeaderMalformed", "SignedHeaders is not sorted");
  }
  if (!signature.presigned && !request.has_header("x-amz-content-sha256")) {
    return error_response(400, "InvalidRequest",
                          "Missing required header for this request: x-amz-content-sha256");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Response> check_signature(const Request& request, const SigningRules& rules) {
  std::optional<Signature> signature;
  if (request.has_header("authorization")) {
    signature = from_header(request);
    if (!signature)
      return error_response(400, "AuthorizationHeaderMalformed",
                            "The authorization header is malformed");
  } else if (request.has_query("X-Amz-Signature")) {
    signature = from_query(request);
    if (!signature) {
      return error_response(400, "AuthorizationQueryParametersError",
                            "The query is not a signed one");
    }
  } else {
    return error_response(403, "AccessDenied", "Access Denied");
  }
  if (auto refusal = check_scope(*signature, rules)) return refusal;
  if (signature->access_key != rules.access_key) {
    return error_response(403, "InvalidAccessKeyId",
                          "The AWS Access Key Id you provided does not exist in our records.");
  }
  if (auto refusal = check_session_token(request, rules, *signature)) return refusal;
  if (auto refusal = check_signed_headers(request, *signature)) return refusal;

  const std::string canonical = canonical_request(request, *signature);
  const std::string scope = signature->date + "/" + signature->region + "/s3/aws4_request";
  const std::string to_sign = std::string(algorithm) + "\n" + signature->time + "\n" + scope +
                              "\n" + hex(digest(DigestKind::sha256, canonical));
  std::string key = "AWS4" + rules.secret_key;
  for (const std::string& step :
       {signature->date, signature->region, std::string("s3"), std::string("aws4_request")}) {
    key = hmac_sha256(key, step);
  }
  if (hex(hmac_sha256(key, to_sign)) == signature->signature) return std::nullopt;
  return error_response(
      403, "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided.",
      "<StringToSign>" + xml_escape(to_sign) + "</StringToSign><CanonicalRequest>" +
          xml_escape(canonical) + "</CanonicalRequest>");
}

}  // namespace penstock::test
