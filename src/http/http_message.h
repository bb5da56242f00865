// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// Header lines of an answer: names in lower case, values without surrounding blanks, in the order
/// they came. Kept in one string, because there are a dozen of them per request. A value type.
class HttpHeaders {
 public:
  void add(std::string_view name, std::string_view value);
  void clear() noexcept;
  /// The first value of `name` (given in lower case); empty where there is none.
  std::string_view find(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept;
  size_t size() const noexcept { return lines_.size(); }
  /// The views live as long as these headers stay unchanged.
  std::pair<std::string_view, std::string_view> line(size_t index) const noexcept;

 private:
  struct Line {
    uint32_t name;
    uint32_t value;
    uint32_t end;
  };
  std::string text_;
  std::vector<Line> lines_;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;  ///< What was not given to a sink.
  /// From handing the request in to the first byte of the answer.
  std::chrono::nanoseconds first_byte{0};
  bool reused_connection = false;
};

/// Takes the body of a 2xx answer as it arrives. Called on a loop thread, never twice at a time;
/// must not block.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  /// Status and headers of a 2xx answer, before its first byte. An Error ends the request with it.
  virtual std::optional<Error> started(const HttpResponse& head) noexcept = 0;
  /// The bytes are valid until it returns. An Error ends the request with it.
  virtual std::optional<Error> write(std::span<const std::byte> bytes) noexcept = 0;
};

enum class HttpMethod : uint8_t { get, head, put, post, remove };

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  std::string url;                   ///< Sent exactly as given; percent-encoded already.
  std::vector<std::string> headers;  ///< "Name: value"; Host and Content-Length are added.
  Body body;  ///< For put and post; read again if the connection must be made anew.
  /// Null: the body is collected (at most max_collected_body bytes of a 2xx, max_error_body of the
  /// rest).
  std::shared_ptr<HttpSink> sink;
  bool fresh_connection = false;  ///< Take no kept connection.
  bool direct = false;            ///< Never through a proxy, whatever the environment says.
  /// From the last byte sent to the first received; 0: the client's limit.
  std::chrono::milliseconds first_byte_limit{0};
  /// How long the server may be silent, > 0 instead of the client's first-byte and stall limits:
  /// for requests that a server works on for long.
  std::chrono::milliseconds silence_limit{0};
  std::stop_token cancel;
  RequestClass request_class = RequestClass::small;
  /// Requested: it is of the class demand from then on, where it is of the background and waits.
  std::stop_token awaited;
};

constexpr size_t max_collected_body = 16U << 20;
constexpr size_t max_error_body = 64U << 10;

}  // namespace penstock
