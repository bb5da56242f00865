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

/// What one source has: nothing where it is not set up, an error where it is but does not work.
using FoundCredentials = std::optional<Credentials>;

/// Sends a request until it is answered: a service that does not answer in time, or fails, is given
/// twice the time, three times in all.
void send_patiently(const CredentialsHttp& http, CredentialsHttpRequest request,
                    Done<CredentialsHttpAnswer> done, uint32_t tries = 3);

/// The answer's body where it is a 200. Else an error that begins with `place`, who answered:
/// unavailable where the service fails or wants to be asked less, access_denied where it refuses,
/// with the words that `reason` finds in its answer.
Result<std::string> body_of(const std::string& place, const Result<CredentialsHttpAnswer>& answer,
                            std::string (*reason)(std::string_view body));

/// The answer's credentials, see body_of().
Result<FoundCredentials> credentials_in(const std::string& place,
                                        const Result<CredentialsHttpAnswer>& answer,
                                        Result<Credentials> (*parse)(std::string_view body),
                                        std::string (*reason)(std::string_view body));

/// The same with the place that they were found in.
Done<FoundCredentials> naming(std::string source, Done<FoundCredentials> done);

/// The content of a file that holds a token, without white space at its end. access_denied where it
/// cannot be read. Blocks on the disk.
Result<std::string> read_token(const std::string& path);

/// The same error, saying first where it happened.
Error with_place(const std::string& place, const Error& error);

}  // namespace penstock
