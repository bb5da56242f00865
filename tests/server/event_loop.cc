// SPDX-License-Identifier: Apache-2.0
#include "server/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

namespace penstock::test {

EventLoop::EventLoop(Service& service, SharedLinks& links)
    : service_(service),
      links_(links),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event = {.events = EPOLLIN, .data = {.fd = wake_}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
}

EventLoop::~EventLoop() {
  stop();
  slots_.clear();
  {
    const MutexLock lock(mutex_);
    for (const int fd : new_) close(fd);
  }
  close(wake_);
  close(epoll_);
}

void EventLoop::accept_for(int listener, std::vector<EventLoop*> others) {
  listener_ = listener;
  others_ = std::move(others);
  epoll_event event = {.events = EPOLLIN, .data = {.fd = listener_}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void EventLoop::start() {
  thread_ = std::jthread([this] { run(); });
}

void EventLoop::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void EventLoop::wake() {
  const uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void EventLoop::add_connection(int fd) {
  {
    const MutexLock lock(mutex_);
    new_.push_back(fd);
  }
  wake();
}

bool EventLoop::take_new_connections() {
  std::vector<int> added;
  {
    const MutexLock lock(mutex_);
    if (stopping_) return false;
    added.swap(new_);
  }
  for (const int fd : added) {
    Slot& slot = slots_[fd];
    slot = Slot{.connection = std::make_unique<Connection>(fd, service_, links_),
                .serial = next_serial_++};
    epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    queue(fd, slot);
  }
  return true;
}

void EventLoop::accept_all() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    service_.count_connection();
    others_[next_other_++ % others_.size()]->add_connection(fd);
  }
}

void EventLoop::queue(int fd, Slot& slot) {
  if (slot.queued) return;
  slot.queued = true;
  ready_.push_back(fd);
}

void EventLoop::wait_for_events() {
  timespec limit = {};
  const timespec* timeout = nullptr;  // for ever
  if (!ready_.empty()) {
    timeout = &limit;
  } else if (!timers_.empty()) {
    const auto left = timers_.top().when - std::chrono::steady_clock::now();
    const int64_t nanoseconds = std::max<int64_t>(left.count(), 0);
    limit = {.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
    timeout = &limit;
  }
  std::array<epoll_event, 128> events;
  const int count =
      epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.fd == wake_) {
      uint64_t ignored = 0;
      [[maybe_unused]] const ssize_t got = read(wake_, &ignored, sizeof(ignored));
    } else if (event.data.fd == listener_) {
      accept_all();
    } else if (const auto slot = slots_.find(event.data.fd); slot != slots_.end()) {
      slot->second.connection->mark((event.events & (EPOLLIN | EPOLLRDHUP)) != 0,
                                    (event.events & EPOLLOUT) != 0,
                                    (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
      queue(event.data.fd, slot->second);
    }
  }
}

void EventLoop::fire_timers() {
  const Time now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.top().when <= now) {
    const TimerEntry entry = timers_.top();
    timers_.pop();
    const auto slot = slots_.find(entry.fd);
    if (slot != slots_.end() && slot->second.serial == entry.serial) queue(entry.fd, slot->second);
  }
}

void EventLoop::advance_ready() {
  std::vector<int> batch;
  batch.swap(ready_);
  for (const int fd : batch) {
    Slot& slot = slots_.at(fd);
    slot.queued = false;
    const std::optional<Time> timer_before = slot.connection->timer();
    switch (slot.connection->advance()) {
      case Connection::Next::close:
        slots_.erase(fd);
        break;
      case Connection::Next::again:
        queue(fd, slot);
        break;
      case Connection::Next::wait:
        if (const auto timer = slot.connection->timer(); timer && timer != timer_before) {
          timers_.push({.when = *timer, .fd = fd, .serial = slot.serial});
        }
    }
  }
}

void EventLoop::run() {
  prctl(PR_SET_NAME, "s3-loop");
  prctl(PR_SET_TIMERSLACK, 1000UL);  // ns
  while (take_new_connections()) {
    wait_for_events();
    fire_timers();
    advance_ready();
  }
}

}  // namespace penstock::test
