// SPDX-License-Identifier: Apache-2.0
#include "http/http_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace penstock {
namespace {

std::chrono::milliseconds tick_for(const HttpOptions& options) {
  const auto shortest = std::min(options.first_byte_timeout, options.stall_timeout);
  return std::clamp(shortest / 8, std::chrono::milliseconds(10), std::chrono::milliseconds(500));
}

}  // namespace

HttpLoop::HttpLoop(const HttpOptions& options, uint32_t max_active, const std::string& name)
    : options_(options), tick_(tick_for(options)), waiting_(max_active) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  multi_ = curl_multi_init();
  share_ = curl_share_init();
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = event_;
  const bool ready = epoll_ >= 0 && event_ >= 0 && multi_ != nullptr && share_ != nullptr &&
                     epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &interest) == 0;
  if (!ready) {
    curl_share_cleanup(share_);
    curl_multi_cleanup(multi_);
    if (event_ >= 0) close(event_);
    if (epoll_ >= 0) close(epoll_);
    throw std::runtime_error("no descriptors or memory left for the HTTP client");
  }
  // Only this loop's thread uses the share, so it needs no lock functions.
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpLoop::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpLoop::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(max_active));
  thread_ = std::jthread([this, name] { run(name); });
}

HttpLoop::~HttpLoop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  active_.clear();
  idle_.clear();
  curl_multi_cleanup(multi_);
  curl_share_cleanup(share_);
  close(event_);
  close(epoll_);
}

void HttpLoop::submit(HttpRequest request, Done<HttpResponse> done) {
  auto submission = std::make_unique<Submission>();
  submission->request = std::move(request);
  submission->done = std::move(done);
  submission->submitted = std::chrono::steady_clock::now();
  load_.fetch_add(1, std::memory_order_relaxed);
  // A callback's follow-up needs no lock and no waking: the loop looks at its line before it
  // sleeps.
  if (thread_id_.load(std::memory_order_relaxed) == std::this_thread::get_id() && !ending_)
    return accept(std::move(submission));
  bool first = false;
  {
    const MutexLock lock(mutex_);
    if (!stopping_) {
      first = incoming_.empty();
      incoming_.push_back(std::move(submission));
    }
  }
  if (submission)
    return deliver(std::move(submission), Error(Code::cancelled, "the HTTP client is closing"));
  if (first) wake();
}

void HttpLoop::note_cancelled(uint64_t id) {
  {
    const MutexLock lock(mutex_);
    cancelled_.push_back(id);
  }
  wake();
}

void HttpLoop::note_awaited(uint64_t id) {
  {
    const MutexLock lock(mutex_);
    awaited_.push_back(id);
  }
  wake();
}

void HttpLoop::wake() noexcept {
  const uint64_t one = 1;
  // Fails only where the counter is full, and then the loop is awake already.
  [[maybe_unused]] const auto written = write(event_, &one, sizeof one);
}

void HttpLoop::run(const std::string& name) {
  pthread_setname_np(pthread_self(), name.c_str());
  sigset_t all;
  sigfillset(&all);
  // Signals are for the main thread, and SIGPIPE from a TLS connection for nobody.
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  next_tick_ = std::chrono::steady_clock::now() + tick_;
  thread_id_ = std::this_thread::get_id();
  while (take_messages()) {
    start_waiting();
    run_timer();
    collect_finished();
    give_up_stalled();
    wait_for_events();
  }
  ending_ = true;
  end_all();
}

bool HttpLoop::take_messages() {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return false;
    taken_.swap(incoming_);
    taken_cancelled_.swap(cancelled_);
    taken_awaited_.swap(awaited_);
  }
  for (auto& submission : taken_) accept(std::move(submission));
  taken_.clear();
  for (const uint64_t id : taken_cancelled_) cancel(id);
  taken_cancelled_.clear();
  for (const uint64_t id : taken_awaited_) waiting_.raise(id);
  taken_awaited_.clear();
  return true;
}

void HttpLoop::accept(std::unique_ptr<Submission> submission) {
  submission->id = ++last_id_;
  if (submission->request.cancel.stop_possible()) {
    submission->on_cancel.emplace(
        submission->request.cancel,
        Callback<void()>([this, id = submission->id] { note_cancelled(id); }));
  }
  const bool background = submission->request.request_class == RequestClass::background;
  if (background && submission->request.awaited.stop_possible()) {
    submission->on_awaited.emplace(
        submission->request.awaited,
        Callback<void()>([this, id = submission->id] { note_awaited(id); }));
  }
  waiting_.push(std::move(submission));
}

void HttpLoop::cancel(uint64_t id) {
  const Error cancelled(Code::cancelled, "the request was cancelled");
  for (auto& transfer : active_) {
    if (transfer->id() == id) return end(*transfer, CURLE_OK, cancelled);
  }
  auto submission = waiting_.withdraw(id);
  if (submission) deliver(std::move(submission), cancelled);  // else it has finished meanwhile
}

void HttpLoop::start_waiting() {
  while (auto submission = waiting_.begin_next()) {
    submission->on_awaited.reset();
    if (submission->request.cancel.stop_requested()) {
      waiting_.ended(submission->request.request_class);
      deliver(std::move(submission), Error(Code::cancelled, "the request was cancelled"));
      continue;
    }
    std::unique_ptr<Transfer> transfer;
    if (idle_.empty()) {
      transfer = std::make_unique<Transfer>(options_, share_, connections_);
    } else {
      transfer = std::move(idle_.back());
      idle_.pop_back();
    }
    transfer->begin(std::move(submission));
    const CURLMcode added = curl_multi_add_handle(multi_, transfer->handle());
    active_.push_back(std::move(transfer));
    under_way_.store(active_.size(), std::memory_order_relaxed);
    if (added != CURLM_OK) {
      end(*active_.back(), CURLE_OK, Error(Code::internal, curl_multi_strerror(added)));
    }
  }
}

int HttpLoop::on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* self,
                        void* known) noexcept {
  auto* loop = static_cast<HttpLoop*>(self);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(loop->epoll_, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event interest{};
  interest.events =
      ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
  interest.data.fd = socket;
  const int operation = known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (epoll_ctl(loop->epoll_, operation, socket, &interest) != 0) return -1;
  if (known == nullptr)
    curl_multi_assign(loop->multi_, socket, loop);  // Any pointer: "this one is in the set".
  return 0;
}

int HttpLoop::on_timer(CURLM* /*multi*/, long timeout_ms, void* self) noexcept {
  auto* loop = static_cast<HttpLoop*>(self);
  if (timeout_ms < 0) {
    loop->timer_.reset();
  } else {
    loop->timer_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

void HttpLoop::run_timer() {
  int running = 0;
  while (timer_ && *timer_ <= std::chrono::steady_clock::now()) {
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void HttpLoop::collect_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // The message dies with remove_handle.
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    end(*transfer, code, std::nullopt);
  }
}

void HttpLoop::give_up_stalled() {
  const Time now = std::chrono::steady_clock::now();
  if (now < next_tick_) return;
  next_tick_ = now + tick_;
  for (size_t i = active_.size(); i-- > 0;) {  // Backwards: end() puts the last one into the gap.
    if (auto stall = active_[i]->find_stall(now)) end(*active_[i], CURLE_OK, std::move(stall));
  }
}

void HttpLoop::end(Transfer& transfer, CURLcode code, std::optional<Error> failure) {
  curl_multi_remove_handle(multi_, transfer.handle());
  Result<HttpResponse> result =
      failure ? Result<HttpResponse>(*std::move(failure)) : transfer.finish(code);
  auto submission = transfer.release();
  waiting_.ended(submission->request.request_class);
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [&](const auto& t) { return t.get() == &transfer; });
  // A handle whose transfer broke keeps its buffer, and libcurl then refuses another buffer size.
  if (result) idle_.push_back(std::move(*found));
  std::swap(*found, active_.back());
  active_.pop_back();
  under_way_.store(active_.size(), std::memory_order_relaxed);
  deliver(std::move(submission), std::move(result));
}

void HttpLoop::deliver(std::unique_ptr<Submission> submission, Result<HttpResponse> result) {
  submission->on_cancel.reset();
  submission->on_awaited.reset();
  Done<HttpResponse> done = std::move(submission->done);
  submission.reset();  // The body and the sink go before the caller is told.
  load_.fetch_sub(1, std::memory_order_relaxed);
  done(std::move(result));
}

void HttpLoop::wait_for_events() {
  using std::chrono::ceil;
  using std::chrono::milliseconds;
  std::optional<Time> until = timer_;
  if (!active_.empty() && (!until || next_tick_ < *until)) until = next_tick_;
  int64_t timeout = -1;
  if (until) {
    timeout =
        std::max<int64_t>(ceil<milliseconds>(*until - std::chrono::steady_clock::now()).count(), 0);
  }
  if (waiting_.can_begin()) timeout = 0;

  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(timeout));
  int running = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.fd == event_) {
      uint64_t ignored = 0;
      [[maybe_unused]] const auto got = read(event_, &ignored, sizeof ignored);
      continue;
    }
    int mask = 0;
    if ((event.events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(multi_, event.data.fd, mask, &running);
  }
}

void HttpLoop::end_all() {
  const Error closing(Code::cancelled, "the HTTP client is closing");
  while (!active_.empty()) end(*active_.back(), CURLE_OK, closing);
  while (auto submission = waiting_.withdraw_any()) deliver(std::move(submission), closing);
  std::vector<std::unique_ptr<Submission>> rest;
  {
    const MutexLock lock(mutex_);
    rest.swap(incoming_);
  }
  for (auto& submission : rest) deliver(std::move(submission), closing);
}

}  // namespace penstock
