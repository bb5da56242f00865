// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/s3/credentials_chain.h"
#include "support/await.h"
#include "support/catch.h"
#include "unit/store/s3/aws_services.h"
#include "unit/store/s3/temporary_files.h"

namespace penstock::test {

/// Files, variables and services, and a search for credentials among them.
struct CredentialsSearchGround {
  TemporaryFiles files;
  AwsServices services;
  Variables variables{{"AWS_CONFIG_FILE", files.path("config")},
                      {"AWS_SHARED_CREDENTIALS_FILE", files.path("credentials")},
                      {"HOME", files.path("home")},
                      {"AWS_ENDPOINT_URL_STS", "http://aws/sts"},
                      {"AWS_ENDPOINT_URL_SSO", "http://aws/portal"},
                      {"AWS_ENDPOINT_URL_SSO_OIDC", "http://aws/oidc"},
                      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://aws/imds"}};
  std::string profile;
  CredentialsProcess process;

  Result<Credentials> find() {
    return await<Credentials>([&](auto done) {
      fetch_credentials({.variables = variables,
                         .profile = profile,
                         .region = "eu-west-1",
                         .http = services.http(),
                         .process = &process,
                         .stop = {},
                         .clock = [this] { return services.now; }},
                        std::move(done));
    });
  }
  Credentials found() {
    auto result = find();
    if (!result.has_value()) FAIL(result.error().describe());
    return *result;
  }
  /// Why there are none, for a person.
  std::string refusal() {
    auto result = find();
    REQUIRE_FALSE(result.has_value());
    CHECK(result.code() == Code::access_denied);
    return std::string(result.error().message());
  }
};

}  // namespace penstock::test
