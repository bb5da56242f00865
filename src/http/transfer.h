// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "http/http_client.h"
#include "http/http_message.h"
#include "penstock/callback.h"
#include "penstock/result.h"

namespace penstock {

/// A request on its way through a loop: waiting in line or being transferred.
struct Submission {
  using Time = std::chrono::steady_clock::time_point;

  uint64_t id = 0;
  HttpRequest request;
  Done<HttpResponse> done;
  Time submitted;
  std::optional<std::stop_callback<Callback<void()>>> on_cancel;
  std::optional<std::stop_callback<Callback<void()>>> on_awaited;  ///< While it waits.
};

/// Connections of one loop; more are open than closed.
struct ConnectionCounts {
  Count opened;
  Count closed;
};

/// One libcurl easy handle, used for one submission after the other. Belongs to one loop; not
/// thread-safe.
class Transfer {
 public:
  using Time = Submission::Time;

  /// `options` and `share` must outlive it, `connections` also the connections that it makes.
  /// Throws std::bad_alloc.
  Transfer(const HttpOptions& options, CURLSH* share, ConnectionCounts& connections);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* handle() const noexcept { return easy_; }
  /// 0 while it has no submission.
  uint64_t id() const noexcept { return submission_ ? submission_->id : 0; }

  /// Takes a submission and sets the handle up for it; the loop adds it to its multi handle then.
  void begin(std::unique_ptr<Submission> submission);
  /// Why the transfer should be given up now, if it should: nothing or too little has come or gone
  /// for too long.
  std::optional<Error> find_stall(Time now);
  /// Ends the transfer, which the loop has removed from the multi handle before. The result is the
  /// answer for CURLE_OK, else what went wrong.
  Result<HttpResponse> finish(CURLcode code);
  std::unique_ptr<Submission> release();

 private:
  enum class Phase : uint8_t { connecting, sending, waiting, receiving };

  static size_t on_header(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t on_write(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t on_read(char* buffer, size_t size, size_t count, void* self) noexcept;
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept;

  static curl_socket_t on_open(void* connections, curlsocktype purpose,
                               curl_sockaddr* address) noexcept;
  static int on_close(void* connections, curl_socket_t socket) noexcept;

  void set_fixed_options();
  void set_socket_functions();
  void set_method();
  void set_headers();
  bool take_header(std::string_view line);
  bool take_body(std::string_view bytes);
  bool collect(std::string_view bytes);
  bool seek_body(uint64_t offset) noexcept;
  Phase phase() const;
  bool streams() const noexcept;
  Error to_error(CURLcode code) const;

  const HttpOptions& options_;
  ConnectionCounts& connections_;
  CURL* const easy_;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};

  std::unique_ptr<Submission> submission_;
  HttpResponse response_;
  std::optional<Error> failure_;  ///< Why a callback ended the transfer.
  bool answer_begun_ = false;
  bool sink_started_ = false;
  bool body_cut_ = false;  ///< An error body beyond the limit: the rest is not wanted.
  uint64_t received_ = 0;

  size_t piece_ = 0;  ///< Where the next byte to send is.
  size_t piece_offset_ = 0;
  uint64_t body_size_ = 0;

  Phase marked_phase_ = Phase::connecting;
  uint64_t marked_bytes_ = 0;
  Time marked_time_;
};

}  // namespace penstock
