// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "store/s3/aws_config.h"
#include "store/s3/credentials.h"
#include "store/s3/credentials_http.h"
#include "store/s3/credentials_process.h"

namespace penstock {

/// What the chain looks at.
struct CredentialsPlaces {
  Variables variables;
  std::string profile;  ///< By option; empty: AWS_PROFILE or "default".
  std::string region;   ///< Of STS.
  CredentialsHttp http;
  CredentialsProcess* process = nullptr;  ///< Where credential_process runs; outlives the search.
  std::stop_token stop;  ///< Ends a command that runs. Requests are the owner's of `http` to end.
  /// By which requests are signed and tokens have expired.
  std::function<std::chrono::system_clock::time_point()> clock = [] {
    return std::chrono::system_clock::now();
  };
};

/// Looks for credentials where the AWS CLI does, in its order, and gives the first that there are:
/// environment (not with a profile by option), what the profile says (see fetch_profile), container
/// service, EC2 metadata service. What is set up but broken ends the search with its error; nothing
/// anywhere is access_denied with the list of the places.
///
/// Reads files (blocks on the disk) on the calling thread; `done` comes on any thread, possibly
/// before the return.
void fetch_credentials(const CredentialsPlaces& places, Done<Credentials> done);

}  // namespace penstock
