// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "http/http_client.h"
#include "http/request_queue.h"
#include "http/transfer.h"

namespace penstock {

/// One thread, one libcurl multi handle with its own connections, one epoll set. At most
/// `max_active` transfers run at a time; further requests wait in a RequestQueue. submit and load
/// may be called from any thread; everything else happens on the loop's own thread, callbacks
/// included.
class HttpLoop {
 public:
  /// Throws std::runtime_error where the system gives no thread or descriptor. `options` must
  /// outlive it.
  HttpLoop(const HttpOptions& options, uint32_t max_active, const std::string& name);
  /// Cancels everything and returns when every `done` has.
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  void submit(HttpRequest request, Done<HttpResponse> done) EXCLUDES(mutex_);
  /// Requests handed in and not finished.
  uint32_t load() const noexcept { return load_.load(std::memory_order_relaxed); }
  /// Those of them that are under way.
  uint64_t under_way() const noexcept { return under_way_.load(std::memory_order_relaxed); }
  const ConnectionCounts& connections() const noexcept { return connections_; }

 private:
  using Time = Submission::Time;

  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self,
                       void* known) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

  void run(const std::string& name);
  /// Takes what other threads left. False: the loop shall end.
  bool take_messages() EXCLUDES(mutex_);
  void accept(std::unique_ptr<Submission> submission);
  void cancel(uint64_t id);
  void start_waiting();
  void run_timer();
  void collect_finished();
  void give_up_stalled();
  void wait_for_events();
  /// Takes the transfer out of the multi handle and delivers `failure`, or what came of `code`.
  void end(Transfer& transfer, CURLcode code, std::optional<Error> failure);
  void deliver(std::unique_ptr<Submission> submission, Result<HttpResponse> result);
  void end_all() EXCLUDES(mutex_);
  void note_cancelled(uint64_t id) EXCLUDES(mutex_);
  void note_awaited(uint64_t id) EXCLUDES(mutex_);
  void wake() noexcept;

  const HttpOptions& options_;
  const std::chrono::milliseconds tick_;  ///< How often stalls are looked for.
  std::atomic<uint32_t> load_{0};
  std::atomic<uint64_t> under_way_{0};
  ConnectionCounts connections_;

  Mutex mutex_;
  std::vector<std::unique_ptr<Submission>> incoming_ GUARDED_BY(mutex_);
  std::vector<uint64_t> cancelled_ GUARDED_BY(mutex_);
  std::vector<uint64_t> awaited_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::atomic<std::thread::id> thread_id_{};
  // The loop thread's own from here on.
  bool ending_ = false;
  CURLM* multi_ = nullptr;
  CURLSH* share_ = nullptr;
  int epoll_ = -1;
  int event_ = -1;
  uint64_t last_id_ = 0;
  std::optional<Time> timer_;  ///< When libcurl wants to be called.
  Time next_tick_;
  RequestQueue waiting_;
  std::vector<std::unique_ptr<Transfer>> active_;
  std::vector<std::unique_ptr<Transfer>> idle_;
  std::vector<std::unique_ptr<Submission>> taken_;
  std::vector<uint64_t> taken_cancelled_;
  std::vector<uint64_t> taken_awaited_;

  std::jthread thread_;
};

}  // namespace penstock
