// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string_view>

#include "store/s3/credentials_json.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

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

/// The metadata services answer refusals with a line of text, or with JSON.
std::string first_words(std::string_view body) { return std::string(body.substr(0, 500)); }

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
      self->done_(
          credentials_in("the EC2 metadata service", answer, parse_credentials_json, first_words));
    });
  }

  const CredentialsHttp http_;
  const std::string base_;
  Done<FoundCredentials> done_;
  std::string token_;
};

}  // namespace

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
  send_patiently(http, std::move(request),
                 [place, done = naming("the container's credentials service", std::move(done))](
                     const Result<CredentialsHttpAnswer>& answer) mutable {
                   done(credentials_in(place, answer, parse_credentials_json, first_words));
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
  std::make_shared<InstanceFetch>(http, base, naming("the EC2 metadata service", std::move(done)))
      ->start();
}

}  // namespace penstock
