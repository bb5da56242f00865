// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "server/request_signer.h"

namespace penstock::test {

struct RawReply {
  int status = 0;                              ///< 0: no complete head came.
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
  bool complete = false;   ///< As many bytes came as the head said.
  bool reset = false;      ///< The connection was reset.
  bool timed_out = false;  ///< Nothing came for the client's patience.
};

/// A blocking HTTP client for tests, one connection, that reports what happens on the wire.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int patience_ms = 10000);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  SignerCredentials credentials;
  /// Signs and sends; connects anew if the last reply ended the connection.
  RawReply send(SignedRequest request, const std::string& body = {});
  /// Sends these very bytes.
  RawReply send_bytes(const std::string& bytes, bool head_only = false);

 private:
  bool connect();
  void disconnect();
  RawReply receive(bool head_only);

  uint16_t port_;
  int patience_ms_;
  int fd_ = -1;
};

}  // namespace penstock::test
