// SPDX-License-Identifier: Apache-2.0
#include "app/report_socket.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace penstock {
namespace {

/// How long either side waits for the other: a process that neither takes the answer nor gives one
/// must not hold the asker up.
constexpr timeval patience{.tv_sec = 5, .tv_usec = 0};
/// An answer of millions of files is cut here, and then no whole one.
constexpr size_t longest_answer = 256ULL << 20;

Error failed(int error) {
  const Code code = error == EACCES || error == EPERM          ? Code::access_denied
                    : error == ENOENT || error == ECONNREFUSED ? Code::not_found
                    : error == EAGAIN || error == EWOULDBLOCK  ? Code::timed_out
                                                               : Code::unavailable;
  return Error(code, code == Code::timed_out ? "it does not answer" : std::strerror(error));
}

bool fill_in(sockaddr_un& address, const std::string& path) {
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace

Result<std::unique_ptr<ReportSocket>> ReportSocket::listen(const std::string& path, Answer answer) {
  sockaddr_un address{};
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  OwnedFd stop(eventfd(0, EFD_CLOEXEC));
  if (!socket || !stop || !fill_in(address, path)) return failed(errno);
  unlink(path.c_str());
  // The socket's own mode counts when it gets its name: nobody else connects in between.
  if (fchmod(socket.get(), 0600) != 0 ||
      bind(socket.get(), generic(address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    return failed(errno);
  return std::unique_ptr<ReportSocket>(
      new ReportSocket(path, std::move(socket), std::move(stop), std::move(answer)));
}

ReportSocket::ReportSocket(std::string path, OwnedFd socket, OwnedFd stop, Answer answer)
    : path_(std::move(path)),
      answer_(std::move(answer)),
      socket_(std::move(socket)),
      stop_(std::move(stop)),
      thread_([this] { serve(); }) {
  pthread_setname_np(thread_.native_handle(), "report");
}

ReportSocket::~ReportSocket() {
  const uint64_t one = 1;
  while (write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
  unlink(path_.c_str());
}

void ReportSocket::serve() {
  std::array<pollfd, 2> events{{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    if (poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return;
    if (events[1].revents != 0) return;
    const OwnedFd asker(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!asker) continue;
    setsockopt(asker.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    send_all(asker.get(), answer_());
  }
}

Result<std::string> ask_report(const std::string& path) {
  sockaddr_un address{};
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || !fill_in(address, path)) return failed(errno);
  // Both: also a connection waits, where nobody takes it.
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (connect(socket.get(), generic(address), sizeof(address)) != 0) return failed(errno);
  std::string text;
  std::array<char, 65536> piece{};
  while (text.size() < longest_answer) {
    const ssize_t got = recv(socket.get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) break;
    text.append(piece.data(), static_cast<size_t>(got));
  }
  return text;
}

}  // namespace penstock
