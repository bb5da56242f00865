// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "penstock/result.h"

namespace penstock {

/// What a request is signed with. A value type; never logged.
struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  ///< Empty for keys that do not expire.
  std::chrono::system_clock::time_point expires = std::chrono::system_clock::time_point::max();
  /// Where they were found, for a person: "the environment". No secret.
  std::string source = {};
};

/// Where credentials come from: the environment, files, a process, a service. All methods are
/// thread-safe.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;

  /// The credentials to use now: kept ones while they are good, else new ones from the source.
  /// `done` may be called before this returns, on any thread, without locks. access_denied where
  /// there are none (the message lists what was looked at), unavailable or timed_out where the
  /// source did not answer.
  virtual void get(Done<Credentials> done) = 0;

  /// The server refused `refused` as expired or unknown: the next get asks the source again, if it
  /// can give others. Ignored where newer ones have been fetched since.
  virtual void invalidate(const Credentials& refused) = 0;
};

}  // namespace penstock
