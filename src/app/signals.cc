// SPDX-License-Identifier: Apache-2.0
#include "app/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace penstock {

SignalWatcher::SignalWatcher(std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = OwnedFd(signalfd(-1, &set, SFD_CLOEXEC));
  stop_ = OwnedFd(eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !stop_)
    throw std::system_error(errno, std::generic_category(), "cannot watch for signals");
  thread_ = std::jthread([this] { watch(); });
  pthread_setname_np(thread_.native_handle(), "signals");
}

SignalWatcher::~SignalWatcher() { eventfd_write(stop_.get(), 1); }

void SignalWatcher::watch() {
  std::array<pollfd, 2> entries{{{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    if (poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return;
    if (entries[1].revents != 0) return;
    signalfd_siginfo info{};
    if (entries[0].revents != 0 && read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      on_signal_(static_cast<int>(info.ssi_signo));
    }
  }
}

}  // namespace penstock
