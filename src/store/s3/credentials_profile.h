// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "store/s3/aws_config.h"
#include "store/s3/credentials_chain.h"
#include "store/s3/credentials_http.h"
#include "store/s3/credentials_sts.h"

namespace penstock {

/// What a search has read before it begins, shared by its steps.
struct CredentialsGround {
  CredentialsPlaces places;
  AwsFiles files;
  AwsConfig config;
  AwsSection profile;  ///< The chosen one; empty where there is none.

  StsPlace sts() const { return find_sts(places.variables, config, profile, places.region); }
};

/// The keys in the environment.
Result<FoundCredentials> environment_keys(const Variables& variables);

/// The chosen profile's credentials, as the AWS CLI has them: those of the role that it assumes
/// (role_arn) with credentials of another profile (source_profile) or place (credential_source); a
/// web identity, also of the environment unless the profile was chosen by option; single sign-on;
/// keys in the credentials file; credential_process; keys in the configuration file. Nothing where
/// the profile says none of that. What cannot work is an error that says what to do.
///
/// Reads files (blocks on the disk) on the calling thread; `done` comes on any thread, possibly
/// before the return.
void fetch_profile(std::shared_ptr<const CredentialsGround> ground, Done<FoundCredentials> done);

}  // namespace penstock
