// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "http/http_client.h"
#include "store/s3/s3_session.h"
#include "unit/http/scripted_server.h"

namespace penstock::test {

/// A server that answers by a script, and a session with its bucket "b". Without credentials the
/// session signs nothing.
struct ScriptedSession {
  explicit ScriptedSession(ScriptedServer::Handler handler, std::shared_ptr<Log> log = Log::none(),
                           std::shared_ptr<CredentialsProvider> credentials = nullptr)
      : server(std::move(handler)),
        session({.endpoint = *Endpoint::choose({.bucket = "b", .url = server.url(), .region = {}}),
                 .bucket = "b",
                 .credentials = std::move(credentials),
                 .http = std::make_shared<HttpClient>(HttpOptions{}),
                 .log = std::move(log),
                 .clock = [] { return std::chrono::system_clock::now(); },
                 .terms = {}}) {}

  ScriptedServer server;
  S3Session session;
};

}  // namespace penstock::test
