// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/result.h"
#include "store/s3/aws_config.h"
#include "store/s3/credentials.h"

namespace penstock {

/// One request to a service that gives credentials. Small, and never one to the store.
struct CredentialsHttpRequest {
  /// The metadata services are on this machine or on its link, and speak plain HTTP: a proxy would
  /// see tokens and keys, and not reach the service of this machine. STS is another matter.
  enum class Way : uint8_t { direct, as_configured };
  Way way = Way::direct;
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout{1000};  ///< How long the service may be silent.
};

struct CredentialsHttpAnswer {
  int status = 0;
  std::string body;
};

/// Sends the request once; fails with unavailable or timed_out where there is no answer.
using CredentialsHttp = std::function<void(CredentialsHttpRequest, Done<CredentialsHttpAnswer>)>;

/// Error::Detail::service_code where a service does not tell whether it has credentials.
inline constexpr std::string_view credentials_unknown = "CredentialsUnknown";

/// What one source has: nothing where it is not set up, an error where it is but does not work.
using FoundCredentials = std::optional<Credentials>;

/// STS AssumeRoleWithWebIdentity (Kubernetes service accounts on EKS): the token is read from its
/// file each time.
struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;
  std::string sts_url;
};
/// From AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (unless `profile_only`), or the profile's
/// settings of these names.
std::optional<WebIdentity> find_web_identity(const Variables& variables, const AwsConfig& config,
                                             const AwsSection& profile, bool profile_only,
                                             const std::string& region);
void fetch_web_identity(const CredentialsHttp& http, const WebIdentity& identity,
                        Done<FoundCredentials> done);

/// The task's or pod's role: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (which must be
/// https, or a host of this machine or of the container service, for the token goes there).
void fetch_container(const CredentialsHttp& http, const Variables& variables,
                     Done<FoundCredentials> done);

/// The instance's role from the EC2 metadata service, version 2. Nothing where there is no way to
/// such a service; timed_out with credentials_unknown where it does not answer, which it is given
/// several tries for.
void fetch_instance(const CredentialsHttp& http, const Variables& variables,
                    Done<FoundCredentials> done);

}  // namespace penstock
