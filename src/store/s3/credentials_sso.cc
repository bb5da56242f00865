// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_sso.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "store/s3/credentials_json.h"
#include "store/s3/signer.h"
#include "store/s3/sso_token.h"
#include "store/s3/uri.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using Clock = std::function<std::chrono::system_clock::time_point()>;

/// A token is renewed this long before its end.
constexpr auto renew_before = 5min;

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// One way to credentials: token -> (renewed token) -> credentials.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(CredentialsHttp http, SingleSignOn sso, Clock clock, Done<FoundCredentials> done)
      : http_(std::move(http)),
        sso_(std::move(sso)),
        clock_(std::move(clock)),
        done_(std::move(done)) {}

  void start() {
    auto token = SsoToken::read(sso_.token_path);
    if (!token.has_value()) {
      const std::string why(token.error().message());
      return done_(log_in(fmt::format("has no token of single sign-on ({})", why)));
    }
    token_ = *std::move(token);
    const auto now = clock_();
    if (now + renew_before < token_.expires()) return ask_portal();
    if (token_.is_renewable(now)) return renew();
    if (now < token_.expires()) return ask_portal();
    done_(log_in("has a token of single sign-on that has ended"));
  }

 private:
  Error log_in(const std::string& why) const {
    return Error(Code::access_denied, fmt::format("profile '{}' {}: run aws sso login --profile {}",
                                                  sso_.profile, why, sso_.profile));
  }

  void ask_portal() {
    const std::string url =
        fmt::format("{}/federation/credentials?role_name={}&account_id={}", sso_.portal_url,
                    uri_encode(sso_.role), uri_encode(sso_.account));
    CredentialsHttpRequest request{.way = CredentialsHttpRequest::Way::as_configured, .url = url};
    request.headers = {{"x-amz-sso_bearer_token", token_.access_token()}};
    request.timeout = 10s;
    send_patiently(http_, std::move(request),
                   [self = shared_from_this()](const Result<CredentialsHttpAnswer>& answer) {
                     self->take(answer);
                   });
  }

  void take(const Result<CredentialsHttpAnswer>& answer) {
    // The portal may know earlier that a token does not count any more.
    if (answer.has_value() && answer->status == 401) {
      if (!renewed_ && token_.is_renewable(clock_())) return renew();
      return done_(log_in("has a token of single sign-on that its portal refuses"));
    }
    done_(credentials_in("single sign-on at " + sso_.portal_url, answer, parse_portal_answer,
                         sso_reason));
  }

  void renew() {
    renewed_ = true;
    // A new token takes the place of the refresh token: where it cannot be kept, none is asked for.
    if (const std::string why = SsoToken::why_not_writable(sso_.token_path); !why.empty())
      return go_on_without(
          log_in("has a token of single sign-on that cannot be renewed (" + why + ")"));
    CredentialsHttpRequest request{.way = CredentialsHttpRequest::Way::as_configured,
                                   .method = "POST",
                                   .url = sso_.oidc_url + "/token"};
    request.headers = {{"content-type", "application/json"}};
    request.body = token_.renewal_request();
    request.timeout = 10s;
    send_patiently(http_, std::move(request),
                   [self = shared_from_this()](const Result<CredentialsHttpAnswer>& answer) {
                     self->take_token(answer);
                   });
  }

  void take_token(const Result<CredentialsHttpAnswer>& answer) {
    const std::string place = "single sign-on at " + sso_.oidc_url;
    const Result<std::string> body = body_of(place, answer, sso_reason);
    if (!body.has_value()) {
      // Somebody else may have renewed it at the same time, with the same refresh token.
      if (auto other = SsoToken::read(sso_.token_path);
          other.has_value() && other->access_token() != token_.access_token()) {
        token_ = *std::move(other);
        return ask_portal();
      }
      const bool refused = body.code() == Code::access_denied;
      return go_on_without(refused ? log_in(fmt::format("has a token of single sign-on that "
                                                        "cannot be renewed ({})",
                                                        body.error().message()))
                                   : body.error());
    }
    auto renewed = token_.renewed(*body, clock_());
    if (!renewed.has_value()) return go_on_without(with_place(place, renewed.error()));
    token_ = *std::move(renewed);
    if (const auto written = token_.write(sso_.token_path); !written.has_value())
      return done_(written.error());
    ask_portal();
  }

  /// With the old token while it counts.
  void go_on_without(Error why) {
    if (clock_() < token_.expires() && !asked_anyway_) {
      asked_anyway_ = true;
      return ask_portal();
    }
    done_(std::move(why));
  }

  const CredentialsHttp http_;
  const SingleSignOn sso_;
  const Clock clock_;
  Done<FoundCredentials> done_;
  SsoToken token_;
  bool renewed_ = false;
  bool asked_anyway_ = false;
};

}  // namespace

Result<std::optional<SingleSignOn>> find_single_sign_on(const Variables& variables,
                                                        const AwsFiles& files,
                                                        const AwsConfig& config,
                                                        const std::string& profile,
                                                        const AwsSection& section) {
  SingleSignOn sso{.profile = profile,
                   .account = section.value("sso_account_id"),
                   .role = section.value("sso_role_name")};
  if (sso.account.empty() && sso.role.empty()) return std::optional<SingleSignOn>();
  const std::string session = section.value("sso_session");
  const AwsSection* const place = session.empty() ? &section : config.sso_session(session);
  const std::string place_name = session.empty() ? fmt::format("profile '{}'", profile)
                                                 : fmt::format("sso-session {}", session);
  const auto lacks = [](const std::string& who, const char* what) {
    return Error(
        Code::access_denied,
        fmt::format("{} uses single sign-on and has no {}: see aws configure sso", who, what));
  };
  if (place == nullptr)
    return lacks(fmt::format("profile '{}'", profile), ("[sso-session " + session + "]").c_str());
  const std::string start_url = place->value("sso_start_url");
  const std::string region = place->value("sso_region");
  if (sso.account.empty()) return lacks(fmt::format("profile '{}'", profile), "sso_account_id");
  if (sso.role.empty()) return lacks(fmt::format("profile '{}'", profile), "sso_role_name");
  if (region.empty()) return lacks(place_name, "sso_region");
  if (start_url.empty()) return lacks(place_name, "sso_start_url");
  const auto service = [&](const char* name, const char* host) {
    std::string url = configured_service_endpoint(config, section, variables, name);
    if (url.empty()) url = fmt::format("https://{}.{}.{}", host, region, aws_domain(region));
    return without_slash(std::move(url));
  };
  sso.token_path = fmt::format("{}/{}.json", files.sso_cache_path,
                               sha1_hex(session.empty() ? start_url : session));
  sso.portal_url = service("sso", "portal.sso");
  sso.oidc_url = service("sso_oidc", "oidc");
  return std::optional(std::move(sso));
}

void fetch_single_sign_on(const CredentialsHttp& http, const SingleSignOn& sso, Clock clock,
                          Done<FoundCredentials> done) {
  std::make_shared<Fetch>(http, sso, std::move(clock), std::move(done))->start();
}

}  // namespace penstock
