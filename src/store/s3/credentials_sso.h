// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "store/s3/aws_config.h"
#include "store/s3/credentials_http.h"

namespace penstock {

/// What a profile says of single sign-on (IAM Identity Center), and what follows from it.
struct SingleSignOn {
  std::string profile;  ///< For messages.
  std::string account;
  std::string role;
  std::string token_path;  ///< Where the AWS CLI keeps the token of `aws sso login`.
  std::string portal_url;  ///< Gives credentials for a token.
  std::string oidc_url;    ///< Gives a new token for an old one.
};

/// Out of sso_account_id, sso_role_name and sso_session, which names a section with sso_start_url
/// and sso_region, or these two themselves (the older form). Nothing where the profile names
/// neither account nor role, access_denied where it lacks something else.
Result<std::optional<SingleSignOn>> find_single_sign_on(const Variables& variables,
                                                        const AwsFiles& files,
                                                        const AwsConfig& config,
                                                        const std::string& profile,
                                                        const AwsSection& section);

/// Asks the portal with the AWS CLI's token. One that has ended, or soon will, is renewed and put
/// back in its place, where it can be: with a refresh token, and a folder that can be written.
/// access_denied where only `aws sso login` helps. Reads and writes that file (blocks on the disk),
/// also on threads of `http`.
void fetch_single_sign_on(const CredentialsHttp& http, const SingleSignOn& sso,
                          std::function<std::chrono::system_clock::time_point()> clock,
                          Done<FoundCredentials> done);

}  // namespace penstock
