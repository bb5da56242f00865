// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>

#include "store/s3/credentials_json.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::access_denied, fmt::format("cannot read the token file {}", path));
  std::string token((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0)
    token.pop_back();
  return token;
}

std::string form_encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    plain ? result += c : result += fmt::format("%{:02X}", byte);
  }
  return result;
}

/// The host of "http://HOST:PORT/PATH", an IPv6 address with its brackets.
std::string_view host_of(std::string_view url) {
  const size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  // What stands before an @ is a user, not the host.
  if (const size_t user = url.rfind('@'); user != std::string_view::npos)
    url.remove_prefix(user + 1);
  if (!url.empty() && url.front() == '[') return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

bool may_have_token(std::string_view url) {
  if (url.substr(0, 8) == "https://") return true;
  if (url.substr(0, 7) != "http://") return false;
  const std::string_view host = host_of(url);
  constexpr std::array<std::string_view, 6> hosts{
      "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "127.0.0.1"};
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

Error with_place(const std::string& place, const Error& error) {
  Error::Detail detail = error.detail();
  detail.message = fmt::format("{}: {}", place, detail.message);
  return Error(error.code(), std::move(detail));
}

/// The answer's credentials; `place` says for messages who answered.
Result<FoundCredentials> credentials_in(const std::string& place,
                                        const Result<CredentialsHttpAnswer>& answer,
                                        Result<Credentials> (*parse)(std::string_view)) {
  if (!answer.has_value()) return with_place(place, answer.error());
  if (answer->status >= 500) {
    return Error(Code::unavailable,
                 Error::Detail{.message = fmt::format("{} answers {}", place, answer->status),
                               .http_status = answer->status});
  }
  if (answer->status != 200) {
    return Error(Code::access_denied,
                 Error::Detail{.message = fmt::format("{} answers {}: {}", place, answer->status,
                                                      answer->body.substr(0, 500)),
                               .http_status = answer->status});
  }
  auto parsed = parse(answer->body);
  if (!parsed.has_value()) return with_place(place, parsed.error());
  return FoundCredentials(std::move(parsed).value());
}

std::string sts_url(const Variables& variables, const AwsConfig& config, const AwsSection& profile,
                    const std::string& region) {
  std::string url = variable(variables, "AWS_ENDPOINT_URL_STS");
  if (url.empty()) url = config.service_value(profile.value("services"), "sts", "endpoint_url");
  if (!url.empty()) return url;
  const bool china = region.substr(0, 3) == "cn-";
  return fmt::format("https://sts.{}.amazonaws.com{}/", region, china ? ".cn" : "");
}

/// Sends a request until it is answered: a service that does not answer in time, or fails, is given
/// twice the time, three times in all.
void send_patiently(const CredentialsHttp& http, CredentialsHttpRequest request,
                    Done<CredentialsHttpAnswer> done, uint32_t tries = 3) {
  CredentialsHttpRequest again = request;
  again.timeout *= 2;
  http(std::move(request), [http, again = std::move(again), done = std::move(done),
                            tries](Result<CredentialsHttpAnswer> answer) mutable {
    const bool late = !answer.has_value() && answer.code() == Code::timed_out;
    const bool failing = answer.has_value() && answer->status >= 500;
    if (tries > 1 && (late || failing))
      return send_patiently(http, std::move(again), std::move(done), tries - 1);
    done(std::move(answer));
  });
}

/// token -> name of the role -> its credentials.
class InstanceFetch : public std::enable_shared_from_this<InstanceFetch> {
 public:
  InstanceFetch(CredentialsHttp http, std::string base, Done<FoundCredentials> done)
      : http_(std::move(http)), base_(std::move(base)), done_(std::move(done)) {}

  void start() {
    const auto self = shared_from_this();
    send_patiently(http_,
                   {.method = "PUT",
                    .url = base_ + "/latest/api/token",
                    .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                   [self](const Result<CredentialsHttpAnswer>& answer) {
                     if (is_silent(answer)) return self->done_(self->silence(answer));
                     // No way there, or an answer that knows nothing of tokens: this is no EC2
                     // instance.
                     if (!answer.has_value() || answer->status != 200)
                       return self->done_(FoundCredentials());
                     self->token_ = answer->body;
                     self->ask_role();
                   });
  }

 private:
  CredentialsHttpRequest request(const std::string& path) const {
    return {.url = base_ + "/latest/meta-data/iam/security-credentials/" + path,
            .headers = {{"X-aws-ec2-metadata-token", token_}}};
  }
  static bool is_silent(const Result<CredentialsHttpAnswer>& answer) {
    return answer.has_value() ? answer->status >= 500 : answer.code() == Code::timed_out;
  }
  /// Whether there are credentials is not known, which is no reason to refuse anything for good.
  Error silence(const Result<CredentialsHttpAnswer>& answer) const {
    const std::string what = answer.has_value()
                                 ? fmt::format("answers {}", answer->status)
                                 : fmt::format("does not answer ({})", answer.error().message());
    return Error(Code::timed_out, Error::Detail{.message = fmt::format(
                                                    "the EC2 metadata service at {} {}, also when "
                                                    "it is asked again",
                                                    base_, what),
                                                .service_code = std::string(credentials_unknown)});
  }
  void ask_role() {
    const auto self = shared_from_this();
    send_patiently(http_, request(""), [self](const Result<CredentialsHttpAnswer>& answer) {
      // With a token this is an EC2 instance.
      if (!answer.has_value() || is_silent(answer)) return self->done_(self->silence(answer));
      if (answer->status != 200) return self->done_(FoundCredentials());
      const std::string role = answer->body.substr(0, answer->body.find_first_of("\r\n"));
      if (role.empty()) return self->done_(FoundCredentials());
      self->ask_credentials(role);
    });
  }
  void ask_credentials(const std::string& role) {
    const auto self = shared_from_this();
    send_patiently(http_, request(role), [self](const Result<CredentialsHttpAnswer>& answer) {
      self->done_(credentials_in("the EC2 metadata service", answer, parse_credentials_json));
    });
  }

  const CredentialsHttp http_;
  const std::string base_;
  Done<FoundCredentials> done_;
  std::string token_;
};

}  // namespace

std::optional<WebIdentity> find_web_identity(const Variables& variables, const AwsConfig& config,
                                             const AwsSection& profile, bool profile_only,
                                             const std::string& region) {
  const auto setting = [&](const char* name_of_variable, const char* name) {
    const std::string value = profile_only ? "" : variable(variables, name_of_variable);
    return value.empty() ? profile.value(name) : value;
  };
  WebIdentity identity{
      .token_file = setting("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
      .role_arn = setting("AWS_ROLE_ARN", "role_arn"),
      .session_name = setting("AWS_ROLE_SESSION_NAME", "role_session_name")};
  if (identity.token_file.empty()) return std::nullopt;
  if (identity.session_name.empty()) identity.session_name = "penstock";
  identity.sts_url = sts_url(variables, config, profile, region);
  return identity;
}

void fetch_web_identity(const CredentialsHttp& http, const WebIdentity& identity,
                        Done<FoundCredentials> done) {
  if (identity.role_arn.empty()) {
    return done(Error(Code::access_denied, "a web identity token is set, but no AWS_ROLE_ARN"));
  }
  const auto token = read_token(identity.token_file);
  if (!token.has_value()) return done(token.error());
  http(
      {.way = CredentialsHttpRequest::Way::as_configured,
       .method = "POST",
       .url = identity.sts_url,
       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
       .body = fmt::format(
           "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}"
           "&WebIdentityToken={}",
           form_encode(identity.role_arn), form_encode(identity.session_name), form_encode(*token)),
       .timeout = 10s},
      [place = "STS at " + identity.sts_url,
       done = std::move(done)](const Result<CredentialsHttpAnswer>& answer) mutable {
        done(credentials_in(place, answer, parse_sts_answer));
      });
}

void fetch_container(const CredentialsHttp& http, const Variables& variables,
                     Done<FoundCredentials> done) {
  const std::string relative = variable(variables, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = variable(variables, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return done(FoundCredentials());
  CredentialsHttpRequest request{.url = relative.empty() ? full : "http://169.254.170.2" + relative,
                                 .timeout = 2s};
  if (!may_have_token(request.url)) {
    return done(Error(Code::access_denied,
                      fmt::format("AWS_CONTAINER_CREDENTIALS_FULL_URI names {}, which is neither "
                                  "https nor a host that may have the token",
                                  request.url)));
  }
  std::string token = variable(variables, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = variable(variables, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
      !file.empty()) {
    auto read = read_token(file);
    if (!read.has_value()) return done(read.error());
    token = std::move(read).value();
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    return done(
        Error(Code::access_denied, "the container's authorization token has more than one line"));
  }
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  const std::string place = "the container's credentials service at " + request.url;
  send_patiently(
      http, std::move(request),
      [place, done = std::move(done)](const Result<CredentialsHttpAnswer>& answer) mutable {
        done(credentials_in(place, answer, parse_credentials_json));
      });
}

void fetch_instance(const CredentialsHttp& http, const Variables& variables,
                    Done<FoundCredentials> done) {
  std::string disabled = variable(variables, "AWS_EC2_METADATA_DISABLED");
  std::transform(disabled.begin(), disabled.end(), disabled.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (disabled == "true") return done(FoundCredentials());
  std::string base = variable(variables, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) base = "http://169.254.169.254";
  while (!base.empty() && base.back() == '/') base.pop_back();
  std::make_shared<InstanceFetch>(http, base, std::move(done))->start();
}

}  // namespace penstock
