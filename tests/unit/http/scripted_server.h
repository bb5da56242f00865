// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace penstock::test {

/// An HTTP server whose answers a test writes byte by byte. One thread per connection, keep-alive.
class ScriptedServer {
 public:
  struct Request {
    std::string line;  ///< "GET /a HTTP/1.1"
    std::string head;  ///< Line and headers as sent.
    std::string body;
    int connection = 0;  ///< Counted from 1.

    /// The value of a header, empty where it is missing.
    std::string header(std::string name) const {
      std::string low = head;
      std::transform(low.begin(), low.end(), low.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      const size_t at = low.find("\r\n" + name + ":");
      if (at == std::string::npos) return {};
      const size_t begin = head.find_first_not_of(' ', at + name.size() + 3);
      return head.substr(begin, head.find("\r\n", begin) - begin);
    }
  };
  struct Reply {
    std::string bytes;
    enum class Then { keep, close, reset, hang } then = Then::keep;
  };
  using Handler = std::function<Reply(const Request&)>;

  explicit ScriptedServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(listener_, 128) != 0) {
      throw std::runtime_error("cannot listen");
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const MutexLock lock(mutex_);
      for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    for (const int fd : connections_) close(fd);
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Request> requests() const {
    const MutexLock lock(mutex_);
    return requests_;
  }

  static Reply answer(int status, const std::string& body, const std::string& headers = {}) {
    return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body};
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const MutexLock lock(mutex_);
      connections_.push_back(fd);
      threads_.emplace_back(
          [this, fd, number = static_cast<int>(connections_.size())] { serve(fd, number); });
    }
  }

  void serve(int fd, int number) {
    std::string input;
    while (true) {
      Request request;
      request.connection = number;
      if (!read_request(fd, input, request)) return;
      {
        const MutexLock lock(mutex_);
        requests_.push_back(request);
      }
      const Reply reply = handler_(request);
      size_t sent = 0;
      while (sent < reply.bytes.size()) {
        const ssize_t n =
            send(fd, reply.bytes.data() + sent, reply.bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;
        sent += static_cast<size_t>(n);
      }
      if (reply.then == Reply::Then::close) {
        shutdown(fd, SHUT_RDWR);
        return;
      }
      if (reply.then == Reply::Then::reset) {
        // A disconnected datagram-style connect(AF_UNSPEC) sends RST on Linux and keeps the
        // descriptor.
        sockaddr none{};
        none.sa_family = AF_UNSPEC;
        connect(fd, &none, sizeof none);
        return;
      }
      if (reply.then == Reply::Then::hang) {
        char byte = 0;
        while (recv(fd, &byte, 1, 0) > 0) {
        }
        return;
      }
    }
  }

  static bool fill(int fd, std::string& input) {
    char buffer[65536];
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    input.append(buffer, static_cast<size_t>(n));
    return true;
  }

  static bool read_request(int fd, std::string& input, Request& request) {
    size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!fill(fd, input)) return false;
    }
    request.head = input.substr(0, end + 2);
    request.line = input.substr(0, input.find("\r\n"));
    const std::string length = request.header("Content-Length");
    const size_t wanted = length.empty() ? 0 : std::stoul(length);
    input.erase(0, end + 4);
    while (input.size() < wanted) {
      if (!fill(fd, input)) return false;
    }
    request.body = input.substr(0, wanted);
    input.erase(0, wanted);
    return true;
  }

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  mutable Mutex mutex_;
  std::vector<Request> requests_ GUARDED_BY(mutex_);
  std::vector<int> connections_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace penstock::test
