// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "store/s3/aws_config.h"
#include "store/s3/credentials.h"
#include "store/s3/credentials_http.h"

namespace penstock {

/// The Security Token Service, which gives temporary credentials for a role.
struct StsPlace {
  std::string url;
  std::string region;
};
/// Of this region, unless another address is configured, see configured_service_endpoint().
StsPlace find_sts(const Variables& variables, const AwsConfig& config, const AwsSection& profile,
                  const std::string& region);

/// AssumeRoleWithWebIdentity (Kubernetes service accounts on EKS): the token is read from its file
/// each time.
struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;
};
/// From AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (unless `profile_only`), or the profile's
/// settings of these names.
std::optional<WebIdentity> find_web_identity(const Variables& variables, const AwsSection& profile,
                                             bool profile_only);
void fetch_web_identity(const CredentialsHttp& http, const StsPlace& sts,
                        const WebIdentity& identity, Done<FoundCredentials> done);

/// Of sessions that nobody has given another name; STS and CloudTrail know them by it.
inline constexpr const char* default_session_name = "penstock";

/// AssumeRole, with other credentials.
struct RoleToAssume {
  std::string arn;
  std::string session_name;
  std::string external_id;  ///< Empty: none.
  std::string duration;     ///< Seconds, in digits; empty: as STS has it, an hour.
};
void assume_role(const CredentialsHttp& http, const StsPlace& sts, const RoleToAssume& role,
                 const Credentials& with, std::chrono::system_clock::time_point now,
                 Done<FoundCredentials> done);

}  // namespace penstock
