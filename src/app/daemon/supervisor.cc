// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/supervisor.h"

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace penstock {

Supervisor::Supervisor(std::shared_ptr<Log> log, std::function<void()> exit_now)
    : log_(std::move(log)), exit_now_(std::move(exit_now)) {}

void Supervisor::post(Event event) {
  {
    const MutexLock lock(mutex_);
    events_.push_back(event);
  }
  wake_.notify_all();
}

Supervisor::Event Supervisor::next() {
  const MutexLock lock(mutex_);
  while (events_.empty()) wake_.wait(mutex_);
  const Event event = events_.front();
  events_.pop_front();
  return event;
}

std::optional<Supervisor::Event> Supervisor::next_soon() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const MutexLock lock(mutex_);
  while (events_.empty() && std::chrono::steady_clock::now() < end) wake_.wait_until(mutex_, end);
  if (events_.empty()) return std::nullopt;
  const Event event = events_.front();
  events_.pop_front();
  return event;
}

void Supervisor::signal(int number) {
  if (number == SIGUSR1) return post(Event::leave_pending);
  const char* const name = number == SIGINT ? "SIGINT" : "SIGTERM";
  bool at_once = false;
  {
    const MutexLock lock(mutex_);
    at_once = starting_ || ++signals_ > 1;
  }
  if (at_once) {
    log_->warning("{} again, or before the mount was ready: exiting at once", name);
    exit_now_();
    return;
  }
  log_->info("{}: ending the mount", name);
  post(Event::asked_to_end);
}

Supervisor::Outcome Supervisor::run(const Parts& parts) {
  {
    const MutexLock lock(mutex_);
    starting_ = false;
  }
  Outcome outcome;
  std::jthread server([&] {
    outcome.served = parts.session.run();
    post(Event::session_ended);
  });
  pthread_setname_np(server.native_handle(), "fuse");
  parts.serving();

  Event event = next();
  bool leave = false;
  for (; event == Event::leave_pending; event = next()) leave = true;
  bool session_ended = event == Event::session_ended;
  if (leave) post(Event::leave_pending);
  if (session_ended) log_->info("unmounted: ending");
  if (parts.ending) parts.ending(session_ended);
  outcome.unsaved = save(parts, session_ended);

  if (!session_ended) {
    parts.session.unmount(false);
    if (parts.still_mounted()) {
      log_->warning(
          "programs still use files of the mount; it is detached and they will get errors");
      parts.session.unmount(true);
    }
    parts.session.exit();
  }
  server.join();
  return outcome;
}

std::vector<std::string> Supervisor::save(const Parts& parts, bool& session_ended) {
  const auto saved = [this](std::vector<std::string> unsaved) {
    {
      const MutexLock lock(mutex_);
      unsaved_ = std::move(unsaved);
    }
    post(Event::saved);
  };
  constexpr std::chrono::hours as_long_as_it_takes{24 * 365};
  const bool wait = parts.journaled && session_ended;
  std::chrono::milliseconds limit = parts.stop_timeout;
  if (!session_ended && parts.send_pages) {
    const auto begin = std::chrono::steady_clock::now();
    // The other half is for uploads, and for what is to be promised in a journal.
    parts.send_pages(limit / 2);
    limit -=
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  }
  parts.file_system.shutdown(wait ? std::chrono::milliseconds(as_long_as_it_takes) : limit, saved);
  for (std::optional<Event> event; event != Event::saved; event = next_soon()) {
    if (event == Event::session_ended) session_ended = true;
    if (event == Event::leave_pending && parts.journaled) {
      log_->info("what is not uploaded yet is left to the next mount");
      parts.file_system.shutdown(parts.stop_timeout, saved);
    }
    if (!event && parts.waiting) parts.waiting();
  }
  const MutexLock lock(mutex_);
  return std::move(unsaved_);
}

}  // namespace penstock
