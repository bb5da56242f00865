// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/s3/credentials_http.h"
#include "store/s3/credentials_json.h"
#include "store/s3/signer.h"
#include "store/s3/uri.h"

namespace penstock::test {

/// AWS's services that give credentials, as far as their documentation says what they answer: STS
/// (which checks signatures), IAM Identity Center's portal and its OIDC service, EC2's metadata
/// service in its second version, and a container's service. One address serves all of them.
class AwsServices {
 public:
  using Clock = std::chrono::system_clock;
  static constexpr const char* container_token = "container-token";

  /// What STS knows of a caller: the secret that belongs to an access key.
  std::map<std::string, std::string> secrets{{"AKBASE", "base-secret"}};
  /// Roles of STS, by ARN, and who may assume them by access key; empty: everybody.
  std::map<std::string, std::string> roles;
  std::string external_id;    ///< That AssumeRole must name.
  std::string web_token;      ///< That AssumeRoleWithWebIdentity must name.
  std::string sso_token;      ///< That the portal takes.
  std::string refresh_token;  ///< That OIDC takes, once: then it gives the next.
  int portal_status = 0;      ///< If not 0, the portal answers that.
  bool has_instance_role = false;
  Clock::time_point now = Clock::time_point(std::chrono::seconds(1'800'000'000));
  std::vector<CredentialsHttpRequest> requests;

  CredentialsHttp http() {
    return [this](const CredentialsHttpRequest& request, Done<CredentialsHttpAnswer> done) {
      done(answer(request));
    };
  }

  CredentialsHttpAnswer answer(const CredentialsHttpRequest& request) {
    requests.push_back(request);
    const std::string path = path_of(request.url);
    if (path.starts_with("/sts")) return sts(request);
    if (path.starts_with("/portal/federation/credentials?")) return portal(request);
    if (path == "/oidc/token") return oidc(request);
    if (path.starts_with("/imds/latest/")) return instance(request, path.substr(12));
    if (path.starts_with("/container")) return container(request);
    return {404, "there is nothing at " + path};
  }

  /// "A=a&B=b" by name.
  static std::string form_value(const std::string& body, const std::string& name) {
    const std::string all = "&" + body + "&";
    const size_t at = all.find("&" + name + "=");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 2;
    return uri_decode(all.substr(begin, all.find('&', begin) - begin)).value_or("");
  }
  static std::string header(const CredentialsHttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
      const bool same = std::ranges::equal(key, name, [](unsigned char a, unsigned char b) {
        return std::tolower(a) == std::tolower(b);
      });
      if (same) return value;
    }
    return "";
  }

 private:
  static std::string path_of(const std::string& url) {
    return url.substr(url.find('/', url.find("://") + 3));
  }
  static CredentialsHttpAnswer sts_refuses(int status, const std::string& code,
                                           const std::string& message) {
    return {status,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
            "<Type>Sender</Type><Code>" +
                code + "</Code><Message>" + message +
                "</Message></Error><RequestId>1</RequestId></ErrorResponse>"};
  }

  CredentialsHttpAnswer sts(const CredentialsHttpRequest& request) {
    const std::string action = form_value(request.body, "Action");
    const std::string arn = form_value(request.body, "RoleArn");
    const auto role = roles.find(arn);
    if (action == "AssumeRoleWithWebIdentity") {
      if (form_value(request.body, "WebIdentityToken") != web_token)
        return sts_refuses(400, "InvalidIdentityToken", "the token is not known");
    } else {
      const std::string key = caller(request);
      if (key.empty()) return sts_refuses(403, "SignatureDoesNotMatch", "the signature is wrong");
      if (role != roles.end() && !role->second.empty() && role->second != key)
        return sts_refuses(403, "AccessDenied", key + " may not assume " + arn);
      if (form_value(request.body, "ExternalId") != external_id)
        return sts_refuses(403, "AccessDenied", "another ExternalId");
    }
    if (role == roles.end()) return sts_refuses(403, "AccessDenied", "there is no such role");
    const std::string name = arn.substr(arn.rfind('/') + 1);
    const std::string duration = form_value(request.body, "DurationSeconds");
    const std::chrono::seconds life(duration.empty() ? 3600 : std::stol(duration));
    secrets["AK" + name] = "secret-of-" + name;
    tokens_["AK" + name] = "token-of-" + name;
    return {200, "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" +
                     action + "Result><Credentials><AccessKeyId>AK" + name +
                     "</AccessKeyId><SecretAccessKey>secret-of-" + name +
                     "</SecretAccessKey><SessionToken>token-of-" + name +
                     "</SessionToken><Expiration>" + iso_time(now + life) +
                     "</Expiration></Credentials></" + action + "Result></" + action + "Response>"};
  }

  /// The access key that has signed the request, or nothing.
  std::string caller(const CredentialsHttpRequest& request) const {
    const std::string authorization = header(request, "authorization");
    const size_t at = authorization.find("Credential=");
    if (at == std::string::npos) return "";
    const std::string scope = authorization.substr(at + 11, authorization.find(',') - at - 11);
    const std::string key = scope.substr(0, scope.find('/'));
    const size_t region = scope.find('/', key.size() + 1) + 1;
    const auto secret = secrets.find(key);
    if (secret == secrets.end()) return "";
    const auto token = tokens_.find(key);
    const std::string wanted_token = token == tokens_.end() ? "" : token->second;
    const std::string hash = sha256_hex(request.body);
    SignableRequest same{.method = request.method,
                         .path = "/sts",
                         .query = {},
                         .headers = {{"content-type", header(request, "content-type")},
                                     {"host", header(request, "host")}},
                         .payload_hash = hash};
    RequestSigner("sts").sign(
        same, {.access_key = key, .secret_key = secret->second, .session_token = wanted_token},
        scope.substr(region, scope.find('/', region) - region), now);
    const bool good =
        header(CredentialsHttpRequest{.headers = same.headers}, "authorization") == authorization &&
        header(request, "x-amz-security-token") == wanted_token;
    return good ? key : "";
  }

  CredentialsHttpAnswer portal(const CredentialsHttpRequest& request) const {
    if (portal_status != 0) return {portal_status, R"({"message": "not today"})"};
    if (header(request, "x-amz-sso_bearer_token") != sso_token)
      return {401, R"({"message": "Session token not found or invalid"})"};
    const auto ends = std::chrono::duration_cast<std::chrono::milliseconds>(
        (now + std::chrono::hours(1)).time_since_epoch());
    return {200, R"({"roleCredentials": {"accessKeyId": "AKSSO", "secretAccessKey": "sso-secret",)"
                 R"( "sessionToken": "sso-session", "expiration": )" +
                     std::to_string(ends.count()) + "}}"};
  }

  CredentialsHttpAnswer oidc(const CredentialsHttpRequest& request) {
    const auto has = [&](const std::string& text) {
      return request.body.find(text) != std::string::npos;
    };
    if (!has(R"("grantType":"refresh_token")") || !has("\"" + refresh_token + "\"") ||
        !has(R"("clientId":"client")") || !has(R"("clientSecret":"client-secret")"))
      return {400, R"({"error": "invalid_grant", "error_description": "Invalid refresh token"})"};
    refresh_token += "-next";
    sso_token = "renewed-token";
    return {200, R"({"accessToken": "renewed-token", "tokenType": "Bearer", "expiresIn": 28800,)"
                 R"( "refreshToken": ")" +
                     refresh_token + "\"}"};
  }

  CredentialsHttpAnswer instance(const CredentialsHttpRequest& request, const std::string& path) {
    if (request.method == "PUT" && path == "/api/token") return {200, "imds-token"};
    if (header(request, "X-aws-ec2-metadata-token") != "imds-token") return {401, ""};
    if (!has_instance_role) return {404, ""};
    if (path == "/meta-data/iam/security-credentials/") return {200, "instance-role"};
    return {200, keys_json("AKINSTANCE", "instance-secret")};
  }

  CredentialsHttpAnswer container(const CredentialsHttpRequest& request) {
    if (header(request, "Authorization") != container_token) return {403, "who are you?"};
    return {200, keys_json("AKCONTAINER", "container-secret")};
  }

  std::string keys_json(const std::string& key, const std::string& secret) {
    secrets[key] = secret;
    tokens_[key] = "token-of-" + key;
    return R"({"Code": "Success", "AccessKeyId": ")" + key + R"(", "SecretAccessKey": ")" + secret +
           R"(", "Token": "token-of-)" + key + R"(", "Expiration": ")" +
           iso_time(now + std::chrono::hours(6)) + "\"}";
  }

  std::map<std::string, std::string> tokens_;  ///< Session tokens by access key.
};

}  // namespace penstock::test
