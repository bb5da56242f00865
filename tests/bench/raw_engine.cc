// SPDX-License-Identifier: Apache-2.0
#include "bench/raw_engine.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench/report.h"

namespace penstock::bench {
namespace {

constexpr long receive_buffer = 512 << 10;

/// One connection's worth of work.
struct Slot {
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  RawJob job;
  std::vector<char> memory;  // reused by every answer
  uint64_t received = 0;
  size_t sent = 0;
  std::string etag;
  std::chrono::steady_clock::time_point begin;
};

size_t take_body(char* bytes, size_t, size_t count, void* user) {
  Slot& slot = *static_cast<Slot*>(user);
  if (slot.received + count > slot.memory.size()) slot.memory.resize((slot.received + count) * 2);
  std::memcpy(slot.memory.data() + slot.received, bytes, count);
  slot.received += count;
  return count;
}

size_t give_body(char* room, size_t, size_t count, void* user) {
  Slot& slot = *static_cast<Slot*>(user);
  const size_t bytes = std::min(count, slot.job.body.size() - slot.sent);
  std::memcpy(room, slot.job.body.data() + slot.sent, bytes);
  slot.sent += bytes;
  return bytes;
}

size_t take_header(char* bytes, size_t, size_t count, void* user) {
  const std::string_view line(bytes, count);
  if (line.size() > 6 && (line[0] == 'E' || line[0] == 'e') && line.substr(1, 4) == "Tag:") {
    const size_t begin = line.find_first_not_of(' ', 5);
    static_cast<Slot*>(user)->etag = line.substr(begin, line.find_last_not_of("\r\n") + 1 - begin);
  }
  return count;
}

}  // namespace

/// A curl multi with its share of the connections.
class RawThread {
 public:
  RawThread(RawEngine& engine, uint32_t connections) : engine_(engine), slots_(connections) {}
  ~RawThread() {
    for (Slot& slot : slots_) {
      if (slot.easy == nullptr) continue;
      curl_multi_remove_handle(multi_, slot.easy);
      curl_easy_cleanup(slot.easy);
      curl_slist_free_all(slot.headers);
    }
    curl_multi_cleanup(multi_);
  }
  RawThread(const RawThread&) = delete;
  RawThread& operator=(const RawThread&) = delete;

  void run() {
    for (Slot& slot : slots_) {
      slot.easy = curl_easy_init();
      start(slot);
    }
    while (running_ > 0) {
      int active = 0;
      curl_multi_perform(multi_, &active);
      reap();
      if (running_ > 0) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
  }

 private:
  void start(Slot& slot) {
    std::optional<RawJob> job = engine_.take();
    if (!job) return;
    slot.job = std::move(*job);
    slot.received = 0;
    slot.sent = 0;
    slot.begin = std::chrono::steady_clock::now();
    prepare(slot);
    curl_multi_add_handle(multi_, slot.easy);
    ++running_;
  }

  void prepare(Slot& slot) {
    const RawTarget& target = engine_.target_;
    test::SignedRequest& request = slot.job.request;
    request.headers["host"] = target.endpoint.substr(target.endpoint.find("//") + 2);
    test::sign(request, target.credentials, time(nullptr));
    curl_slist_free_all(slot.headers);
    slot.headers = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : request.headers) {
      slot.headers = curl_slist_append(slot.headers, (name + ": " + value).c_str());
    }
    CURL* easy = slot.easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, (target.endpoint + test::request_target(request)).c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot.headers);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, receive_buffer);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, receive_buffer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slot);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &slot);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &slot);
    if (request.method == "PUT" || request.method == "POST") {
      curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
      curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                       static_cast<curl_off_t>(slot.job.body.size()));
      curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
      curl_easy_setopt(easy, CURLOPT_READDATA, &slot);
    }
  }

  void reap() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode result = message->data.result;
      Slot* slot = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
      curl_multi_remove_handle(multi_, easy);
      --running_;
      finish(*slot, result);
      start(*slot);
    }
  }

  void finish(Slot& slot, CURLcode result) {
    long status = 0;
    curl_easy_getinfo(slot.easy, CURLINFO_RESPONSE_CODE, &status);
    const std::string what = slot.job.request.method + " " + slot.job.request.path + ": ";
    if (result != CURLE_OK) return engine_.fail(what + curl_easy_strerror(result));
    if (status >= 300) {
      return engine_.fail(what + std::to_string(status) + " " +
                          std::string(slot.memory.data(), slot.received));
    }
    if (!slot.job.keep && slot.received != slot.job.expected) {
      return engine_.fail(what + std::to_string(slot.received) + " bytes came");
    }
    engine_.add(slot.received + slot.job.body.size(), seconds_since(slot.begin));
    if (slot.job.done) {
      slot.job.done(slot.etag,
                    slot.job.keep ? std::string(slot.memory.data(), slot.received) : std::string());
    }
  }

  RawEngine& engine_;
  CURLM* multi_ = curl_multi_init();
  std::vector<Slot> slots_;
  uint32_t running_ = 0;
};

std::optional<RawJob> RawEngine::take() {
  const MutexLock lock(mutex_);
  if (!failure_.empty() || !next_) return std::nullopt;
  std::optional<RawJob> job = next_();
  if (!job) next_ = nullptr;  // it has said that there are no more, and need not say so again
  return job;
}

void RawEngine::add(uint64_t bytes, double seconds) {
  const MutexLock lock(mutex_);
  bytes_ += bytes;
  latencies_.push_back(seconds);
}

void RawEngine::fail(const std::string& what) {
  const MutexLock lock(mutex_);
  if (failure_.empty()) failure_ = what;
}

uint64_t RawEngine::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

std::vector<double> RawEngine::latencies() const {
  const MutexLock lock(mutex_);
  return latencies_;
}

void RawEngine::run(std::function<std::optional<RawJob>()> next) {
  {
    const MutexLock lock(mutex_);
    next_ = std::move(next);
  }
  const uint32_t count = std::max(1U, std::min(target_.threads, target_.connections));
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t share =
          target_.connections / count + (i < target_.connections % count ? 1 : 0);
      threads.emplace_back([this, share] { RawThread(*this, share).run(); });
    }
  }
  const MutexLock lock(mutex_);
  if (!failure_.empty()) throw std::runtime_error(failure_);
}

}  // namespace penstock::bench
