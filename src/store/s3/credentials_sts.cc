// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_sts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "store/s3/credentials_json.h"
#include "store/s3/signer.h"
#include "store/s3/uri.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using Form = std::vector<std::pair<std::string, std::string>>;

CredentialsHttpRequest sts_request(const StsPlace& sts, const std::string& action,
                                   const Form& form) {
  std::string body = fmt::format("Action={}&Version=2011-06-15", action);
  for (const auto& [name, value] : form) body += fmt::format("&{}={}", name, uri_encode(value));
  return {.way = CredentialsHttpRequest::Way::as_configured,
          .method = "POST",
          .url = sts.url,
          .headers = {{"content-type", "application/x-www-form-urlencoded"}},
          .body = std::move(body),
          .timeout = 10s};
}

void send(const CredentialsHttp& http, const StsPlace& sts, CredentialsHttpRequest request,
          Done<FoundCredentials> done) {
  send_patiently(http, std::move(request),
                 [place = "STS at " + sts.url,
                  done = std::move(done)](const Result<CredentialsHttpAnswer>& answer) mutable {
                   done(credentials_in(place, answer, parse_sts_answer, sts_reason));
                 });
}

/// Host and path of "https://HOST:PORT/PATH"; the port is not named where it is the scheme's own.
std::pair<std::string, std::string> parts_of(std::string_view url) {
  const bool plain = url.starts_with("http://");
  url.remove_prefix(std::min(url.find("://"), url.size() - 3) + 3);
  const size_t slash = url.find('/');
  std::string host(url.substr(0, slash));
  const std::string_view usual = plain ? ":80" : ":443";
  if (host.ends_with(usual)) host.resize(host.size() - usual.size());
  return {host, slash == std::string_view::npos ? "/" : std::string(url.substr(slash))};
}

}  // namespace

StsPlace find_sts(const Variables& variables, const AwsConfig& config, const AwsSection& profile,
                  const std::string& region) {
  std::string url = configured_service_endpoint(config, profile, variables, "sts");
  if (url.empty()) url = fmt::format("https://sts.{}.{}/", region, aws_domain(region));
  return {.url = std::move(url), .region = region};
}

std::optional<WebIdentity> find_web_identity(const Variables& variables, const AwsSection& profile,
                                             bool profile_only) {
  const auto setting = [&](const char* name_of_variable, const char* name) {
    const std::string value = profile_only ? "" : variable(variables, name_of_variable);
    return value.empty() ? profile.value(name) : value;
  };
  WebIdentity identity{
      .token_file = setting("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
      .role_arn = setting("AWS_ROLE_ARN", "role_arn"),
      .session_name = setting("AWS_ROLE_SESSION_NAME", "role_session_name")};
  if (identity.token_file.empty()) return std::nullopt;
  if (identity.session_name.empty()) identity.session_name = default_session_name;
  return identity;
}

void fetch_web_identity(const CredentialsHttp& http, const StsPlace& sts,
                        const WebIdentity& identity, Done<FoundCredentials> done) {
  if (identity.role_arn.empty()) {
    return done(Error(Code::access_denied,
                      "a web identity token is set, but neither AWS_ROLE_ARN nor role_arn"));
  }
  const auto token = read_token(identity.token_file);
  if (!token.has_value()) return done(token.error());
  send(http, sts,
       sts_request(sts, "AssumeRoleWithWebIdentity",
                   {{"RoleArn", identity.role_arn},
                    {"RoleSessionName", identity.session_name},
                    {"WebIdentityToken", *token}}),
       std::move(done));
}

void assume_role(const CredentialsHttp& http, const StsPlace& sts, const RoleToAssume& role,
                 const Credentials& with, std::chrono::system_clock::time_point now,
                 Done<FoundCredentials> done) {
  Form form{{"RoleArn", role.arn}, {"RoleSessionName", role.session_name}};
  if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
  if (!role.duration.empty()) form.emplace_back("DurationSeconds", role.duration);
  CredentialsHttpRequest request = sts_request(sts, "AssumeRole", form);
  const auto [host, path] = parts_of(sts.url);
  const std::string payload_hash = sha256_hex(request.body);
  SignableRequest signable{.method = request.method,
                           .path = path,
                           .query = {},
                           .headers = request.headers,
                           .payload_hash = payload_hash};
  signable.headers.emplace_back("host", host);
  RequestSigner("sts").sign(signable, with, sts.region, now);
  request.headers = std::move(signable.headers);
  send(http, sts, std::move(request), std::move(done));
}

}  // namespace penstock
