// SPDX-License-Identifier: Apache-2.0
#include "server/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "server/text.h"

namespace penstock::test {
namespace {

void parse_reply_head(const std::string& head, RawReply& reply) {
  size_t at = head.find("\r\n");
  reply.status = static_cast<int>(parse_number(head.substr(9, 3)).value_or(0));
  while (at != std::string::npos && at + 4 < head.size()) {
    const size_t begin = at + 2;
    at = head.find("\r\n", begin);
    const std::string line = head.substr(begin, at - begin);
    const size_t colon = line.find(':');
    if (colon != std::string::npos) {
      reply.headers[lower_case(line.substr(0, colon))] =
          trimmed(std::string_view(line).substr(colon + 1));
    }
  }
}

}  // namespace

RawClient::RawClient(uint16_t port, int patience_ms) : port_(port), patience_ms_(patience_ms) {}
RawClient::~RawClient() { disconnect(); }

bool RawClient::connect() {
  if (fd_ >= 0) return true;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {.tv_sec = patience_ms_ / 1000, .tv_usec = (patience_ms_ % 1000) * 1000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

void RawClient::disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

RawReply RawClient::send(SignedRequest request, const std::string& body) {
  if (!request.headers.contains("host"))
    request.headers["host"] = "127.0.0.1:" + std::to_string(port_);
  if (!body.empty() || request.method == "PUT" || request.method == "POST") {
    request.headers["content-length"] = std::to_string(body.size());
  }
  sign(request, credentials, time(nullptr));
  std::string bytes = request.method + " " + request_target(request) + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers)
    bytes.append(name).append(": ").append(value).append("\r\n");
  return send_bytes(bytes + "\r\n" + body, request.method == "HEAD");
}

RawReply RawClient::send_bytes(const std::string& bytes, bool head_only) {
  RawReply reply;
  if (!connect()) return reply;
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) {
      reply.reset = errno == ECONNRESET || errno == EPIPE;
      reply.timed_out = errno == EAGAIN;
      disconnect();
      return reply;
    }
    sent += static_cast<size_t>(count);
  }
  reply = receive(head_only);
  if (!reply.complete || reply.headers["connection"] == "close") disconnect();
  return reply;
}

RawReply RawClient::receive(bool head_only) {
  RawReply reply;
  std::string received;
  size_t body_at = std::string::npos;
  size_t expected = 0;
  std::array<char, 65536> chunk;
  while (true) {
    if (body_at == std::string::npos && received.find("\r\n\r\n") != std::string::npos) {
      body_at = received.find("\r\n\r\n") + 4;
      parse_reply_head(received.substr(0, body_at), reply);
      if (!head_only) expected = parse_number(reply.headers["content-length"]).value_or(0);
    }
    reply.complete = body_at != std::string::npos && received.size() - body_at >= expected;
    if (reply.complete) break;
    const ssize_t count = recv(fd_, chunk.data(), chunk.size(), 0);
    if (count <= 0) {
      reply.reset = count < 0 && errno == ECONNRESET;
      reply.timed_out = count < 0 && errno == EAGAIN;
      break;
    }
    received.append(chunk.data(), static_cast<size_t>(count));
  }
  if (body_at != std::string::npos) reply.body = received.substr(body_at);
  return reply;
}

}  // namespace penstock::test
