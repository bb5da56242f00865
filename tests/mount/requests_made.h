// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "server/test_server.h"

namespace penstock::test {

/// How many requests of a kind the server has had since its figures were reset.
inline uint64_t requests(const TestServer& server, const std::string& operation) {
  const ServerStats stats = server.stats();
  const auto found = stats.requests.find(operation);
  return found == stats.requests.end() ? 0 : found->second;
}

}  // namespace penstock::test
