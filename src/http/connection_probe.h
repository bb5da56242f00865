// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "penstock/options.h"

namespace penstock {

/// Asks for `url` once, over a connection of its own: HEAD, unsigned, so that nothing secret is
/// sent.
struct ProbeRequest {
  std::string url;
  std::string ca_bundle;  ///< PEM file; empty: the system's.
  ConnectionOptions connection;
  std::chrono::milliseconds connect_limit{3'000};
  std::chrono::milliseconds limit{10'000};  ///< For all of it.
  std::stop_token cancel;
};

/// How far a connection gets, and what is learnt of the way there. Times are those of each step.
struct ConnectionFacts {
  enum class Step : uint8_t { name, connect, tls, answer, done };
  Step reached = Step::name;  ///< The step that failed; done: none.
  std::string failure;        ///< In libcurl's words; empty: none.

  std::string host;
  std::vector<std::string> addresses;  ///< Of the host, or what the name of a proxy leads to.
  std::string address;                 ///< That was connected to.
  /// What names a proxy which was used: a variable of the environment, or "--proxy".
  std::string proxy_variable;
  std::chrono::microseconds name_time{0};
  std::chrono::microseconds connect_time{0};
  std::chrono::microseconds tls_time{0};
  /// From the request to the first byte of its answer.
  std::chrono::microseconds first_byte_time{0};

  bool tls = false;
  std::string tls_version;  ///< "TLSv1.3"; empty: not known.
  bool trusted = true;      ///< The certificate was accepted.
  std::string issuer;       ///< Of the server's certificate, accepted or not.
  std::string subject;
  int64_t valid_until = 0;  ///< Seconds since the epoch; 0: not known.

  int status = 0;           ///< Of HTTP.
  int64_t server_time = 0;  ///< What its Date header says, seconds since the epoch; 0: nothing.
  /// This machine's clock when the answer came, as seconds since the epoch.
  int64_t local_time = 0;
};

/// Blocks for at most twice the limit (a certificate that is refused is looked at over a second
/// connection). Never fails otherwise than by what the facts say.
ConnectionFacts probe_connection(const ProbeRequest& request);

}  // namespace penstock
