// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_message.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

class HttpLoop;

/// What the message of an Error begins with where a connection ended before the answer did.
constexpr std::string_view http_closed_early = "connection closed early: ";

struct HttpOptions {
  uint32_t threads = 2;            ///< Event loops, each with its own connections.
  uint32_t max_connections = 128;  ///< Requests in flight over all loops; more wait in line.
  std::string ca_bundle;           ///< PEM file; empty: the system's.
  ConnectionOptions connection;
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds first_byte_timeout{
      10'000};  ///< From the last byte sent to the first received.
  std::chrono::milliseconds stall_timeout{
      10'000};                 ///< A transfer below stall_rate for so long is given up.
  uint32_t stall_rate = 1024;  ///< Bytes per second.
};

/// How busy a client is at one moment.
struct HttpLoad {
  uint64_t connections = 0;         ///< Open ones, kept for later ones included.
  uint64_t connections_opened = 0;  ///< Since the client was made.
  uint64_t waiting = 0;             ///< Requests that wait in line.
};

/// HTTP/1.1 over libcurl, asynchronous, on a few event-loop threads with kept connections.
///
/// The result is the answer, whatever its status; an Error says that there is no complete one:
/// unavailable (could not connect, connection broken or closed early), timed_out (connect, first
/// byte, stall), cancelled, access_denied (the server's certificate was not accepted), corrupt (not
/// HTTP, or a collected body beyond its limit), invalid_argument (a URL that is none), or what the
/// sink said. Redirects are answers, not followed. Nothing is tried twice, but for a kept
/// connection that turns out to be closed before a byte was answered.
///
/// `done` and the sink are called on a loop thread, without locks, and must not block: every other
/// transfer of the loop waits meanwhile. All methods are thread-safe. The destructor cancels what
/// is in flight and waits until every `done` has returned; it must not run on a loop thread.
class HttpClient {
 public:
  /// Throws std::runtime_error where the system gives no threads or descriptors.
  explicit HttpClient(const HttpOptions& options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void send(HttpRequest request, Done<HttpResponse> done);
  HttpLoad load() const;

 private:
  const HttpOptions options_;
  std::vector<std::unique_ptr<HttpLoop>> loops_;
  std::atomic<uint32_t> turn_{0};
};

}  // namespace penstock
