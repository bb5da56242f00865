// SPDX-License-Identifier: Apache-2.0
#include "store/connection_check.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace penstock {
namespace {

Error wrong(std::string message) { return Error(Code::invalid_argument, std::move(message)); }

/// What libcurl takes; without a scheme it is an HTTP proxy.
bool is_proxy(std::string_view url) {
  constexpr std::array<std::string_view, 6> schemes{"http",    "https",  "socks4",
                                                    "socks4a", "socks5", "socks5h"};
  const size_t mark = url.find("://");
  const bool known =
      mark == std::string_view::npos ||
      std::find(schemes.begin(), schemes.end(), url.substr(0, mark)) != schemes.end();
  const std::string_view host = mark == std::string_view::npos ? url : url.substr(mark + 3);
  return known && !host.empty() && host.find_first_of(" \t") == std::string_view::npos;
}

}  // namespace

Result<void> check_connection(const StoreOptions& options) {
  const ConnectionOptions& connection = options.connection;
  if (!connection.proxy.empty() && !is_proxy(connection.proxy)) {
    return wrong(
        "--proxy is no address of a proxy: it must look like http://HOST:PORT or "
        "socks5h://HOST:PORT");
  }
  if (connection.no_verify_ssl && !options.ca_bundle.empty()) {
    return wrong(
        "--no-verify-ssl and --ca-bundle exclude one another: certificates are checked, or they "
        "are not");
  }
  if (connection.no_verify_ssl && !options.terms.sse_c_key_file.empty()) {
    return wrong(
        "--no-verify-ssl and --sse-c-key-file exclude one another: the key would be given to "
        "whoever says that he is the server");
  }
  if (!connection.client_key.empty() && connection.client_cert.empty())
    return wrong("--client-key means nothing without --client-cert");
  for (const auto& [name, path] : {std::pair("client-cert", connection.client_cert),
                                   std::pair("client-key", connection.client_key)}) {
    if (!path.empty() && access(path.c_str(), R_OK) != 0)
      return wrong(fmt::format("--{}: cannot read {}: {}", name, path, std::strerror(errno)));
  }
  return {};
}

}  // namespace penstock
