// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "store/s3/aws_config.h"
#include "store/s3/credentials.h"
#include "store/s3/credentials_process.h"
#include "store/s3/credentials_services.h"

namespace penstock {

/// What the chain looks at.
struct CredentialsPlaces {
  Variables variables;
  std::string profile;  ///< By option; empty: AWS_PROFILE or "default".
  std::string region;   ///< Of STS.
  CredentialsHttp http;
  CredentialsProcess* process = nullptr;  ///< Where credential_process runs; outlives the search.
  std::stop_token stop;  ///< Ends a command that runs. Requests are the owner's of `http` to end.
};

/// Looks for credentials where the AWS CLI does, in its order, and gives the first that there are:
/// environment (not with a profile by option), web identity, the profile's keys in the credentials
/// file, its credential_process, its keys in the configuration file, container service, EC2
/// metadata service. Profiles that need SSO or another role (role_arn with source_profile) are
/// refused with a hint. What is set up but broken ends the search with its error; nothing anywhere
/// is access_denied with the list of the places.
///
/// Reads files (blocks on the disk) on the calling thread; `done` comes on any thread, possibly
/// before the return.
void fetch_credentials(const CredentialsPlaces& places, Done<Credentials> done);

}  // namespace penstock
