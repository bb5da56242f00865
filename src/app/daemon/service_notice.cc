// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/service_notice.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace penstock {
namespace {

using std::chrono::milliseconds;

/// How often the manager wants to hear of this process; 0: not at all, or of another process.
std::chrono::microseconds watchdog_time(const Environment& environment) {
  const std::string of = environment.variable("WATCHDOG_PID");
  if (!of.empty() && of != std::to_string(getpid())) return {};
  const std::string text = environment.variable("WATCHDOG_USEC");
  int64_t time = 0;
  std::from_chars(text.data(), text.data() + text.size(), time);
  return std::chrono::microseconds(std::max<int64_t>(time, 0));
}

}  // namespace

std::unique_ptr<ServiceNotice> ServiceNotice::start(const Environment& environment, Parts parts) {
  std::string address = environment.variable("NOTIFY_SOCKET");
  // A path, or '@' and an abstract name; addresses of virtual machines are for their managers.
  const bool known = address.starts_with('/') || address.starts_with('@');
  if (!known || address.size() >= sizeof(sockaddr_un::sun_path)) return nullptr;
  if (address[0] == '@') address[0] = '\0';
  OwnedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return nullptr;
  return std::unique_ptr<ServiceNotice>(new ServiceNotice(
      std::move(socket), std::move(address), watchdog_time(environment), std::move(parts)));
}

ServiceNotice::ServiceNotice(OwnedFd socket, std::string address,
                             std::chrono::microseconds watchdog, Parts parts)
    : socket_(std::move(socket)),
      address_(std::move(address)),
      // Two pings may be lost or late before the manager misses one.
      watchdog_(watchdog.count() == 0
                    ? milliseconds(0)
                    : std::max(std::chrono::floor<milliseconds>(watchdog / 3), milliseconds(1))),
      answers_(std::move(parts.answers)),
      moves_(std::move(parts.moves)),
      status_(std::move(parts.status)),
      period_(parts.period),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "notice");
}

ServiceNotice::~ServiceNotice() {
  const MutexLock lock(mutex_);
  end_ = true;
  wake_.notify_all();
}

void ServiceNotice::stopping() {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  send("STOPPING=1");
}

void ServiceNotice::forget_mount() {
  const MutexLock lock(mutex_);
  forgotten_ = true;
  while (asking_) wake_.wait(mutex_);
}

void ServiceNotice::run() {
  while (!answers_()) {
    if (!wait(period_)) return;
  }
  send("READY=1");
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_ping = Clock::now();
  do {
    const bool ping = watchdog_.count() != 0 && Clock::now() >= next_ping;
    if (ping) next_ping = Clock::now() + watchdog_;
    look(ping);
  } while (wait(watchdog_.count() == 0 ? period_ : std::min(period_, watchdog_)));
}

bool ServiceNotice::wait(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  const MutexLock lock(mutex_);
  while (!end_ && std::chrono::steady_clock::now() < until) wake_.wait_until(mutex_, until);
  return !end_;
}

void ServiceNotice::look(bool ping) {
  {
    const MutexLock lock(mutex_);
    if (forgotten_) return;
    asking_ = true;
  }
  // Where the mount hangs in this, no ping follows, and the manager ends and restarts it.
  std::string status = status_();
  if (ping && moves_()) send("WATCHDOG=1");
  if (status != sent_) send("STATUS=" + status);
  sent_ = std::move(status);
  const MutexLock lock(mutex_);
  asking_ = false;
  wake_.notify_all();
}

void ServiceNotice::send(std::string_view text) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::ranges::copy(address_, to.sun_path);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  static_cast<void>(sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&to), size));
}

}  // namespace penstock
