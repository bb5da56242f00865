// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "store/s3/credentials.h"

namespace penstock::test {

/// Credentials that stay; those of the project's own test server unless others are given.
class FixedCredentials final : public CredentialsProvider {
 public:
  explicit FixedCredentials(Credentials credentials = {.access_key = "testaccess",
                                                       .secret_key = "testsecret"})
      : credentials_(std::move(credentials)) {}
  void get(Done<Credentials> done) override { done(credentials_); }
  void invalidate(const Credentials&) override {}

 private:
  const Credentials credentials_;
};

}  // namespace penstock::test
