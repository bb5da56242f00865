// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace penstock::test {
namespace {

constexpr size_t longest_head = size_t{64} << 10;
constexpr uint64_t turn_bytes = uint64_t{4} << 20;  // then the others have their turn
constexpr auto grid = std::chrono::microseconds(500);

bool stores_body(const Exchange& exchange) {
  return exchange.request.operation == "PutObject" || exchange.request.operation == "UploadPart";
}

bool happens_mid_body(FaultKind kind) {
  return kind == FaultKind::reset_mid || kind == FaultKind::truncate || kind == FaultKind::stall ||
         kind == FaultKind::stall_mid;
}

/// Where in a body of `length` such a fault happens.
uint64_t fault_position(const FaultAction& fault, uint64_t length) {
  if (fault.kind == FaultKind::stall) return 0;
  if (fault.kind == FaultKind::truncate && fault.number) return std::min(*fault.number, length);
  return length / 2;
}

Content with_flipped_byte(const Content& body) {
  const uint64_t middle = body.size() / 2;
  std::string byte = body.read(middle, 1);
  byte[0] = static_cast<char>(byte[0] ^ 0x20);
  Content flipped = body.slice(0, middle);
  flipped.append(Content::of_string(byte));
  flipped.append(body.slice(middle + 1, body.size() - middle - 1));
  return flipped;
}

}  // namespace

Connection::Connection(int fd, Service& service, SharedLinks& links)
    : fd_(fd), service_(service), links_(links) {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Connection::~Connection() {
  end_exchange();
  close(fd_);
}

void Connection::mark(bool readable, bool writable, bool hang_up) {
  readable_ |= readable;
  writable_ |= writable;
  peer_gone_ |= hang_up;
}

Connection::Next Connection::advance() {
  // A peer that has gone may have left bytes to read; once it waits for an answer, there is nobody
  // to give it to.
  if (peer_gone_ && state_ != State::head && state_ != State::body) return Next::close;
  timer_.reset();
  for (int step = 0; step < 64; ++step) {
    const State before = state_;
    const Time now = std::chrono::steady_clock::now();
    switch (state_) {
      case State::head:
        read_head();
        break;
      case State::body:
        read_body(now);
        break;
      case State::waiting:
        wait_over(now);
        break;
      case State::answering:
        write_answer(now);
        break;
      case State::hung:
        return peer_gone_ ? Next::close : Next::wait;
      case State::over:
        return Next::close;
    }
    if (state_ == State::over) return Next::close;
    if (state_ != before) continue;
    if (timer_) return Next::wait;
    const bool can_go_on =
        (state_ == State::body && readable_) || (state_ == State::answering && writable_);
    return can_go_on ? Next::again : Next::wait;
  }
  return Next::again;
}

uint64_t Connection::granted(uint64_t wanted, bool in, Time now) {
  const double own = options_->connection_mbps;
  const double total = options_->total_mbps;
  if (exchange_->request.operation == "Control" || (own <= 0 && total <= 0)) return wanted;
  if (grant_ == 0) {
    const double rate = own > 0 && total > 0 ? std::min(own, total) : own + total;
    // About a millisecond's worth, so that many connections share the link evenly.
    const auto step = std::clamp<uint64_t>(static_cast<uint64_t>(rate * 1200), 16 << 10, 256 << 10);
    grant_ = std::min(wanted, step);
    grant_at_ = now;
    if (own > 0)
      grant_at_ = std::max(grant_at_, (in ? link_in_ : link_out_).grant(grant_, own, now));
    if (total > 0)
      grant_at_ = std::max(grant_at_, (in ? links_.in : links_.out).grant(grant_, total, now));
    // Steps in the middle of a body may come a little early: connections then wake up together.
    if (grant_ < wanted) {
      const auto since = grant_at_.time_since_epoch();
      grant_at_ -= std::chrono::duration_cast<std::chrono::nanoseconds>(since) % grid;
    }
  }
  if (grant_at_ > now) {
    timer_ = grant_at_;
    return 0;
  }
  return std::min(wanted, grant_);
}

void Connection::read_head() {
  while (true) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string head = buffer_.substr(0, end + 4);
      buffer_.erase(0, end + 4);
      begin_exchange(head);
      return;
    }
    if (!readable_ || buffer_.size() > longest_head) break;
    std::array<char, 16384> chunk;
    const ssize_t got = recv(fd_, chunk.data(), chunk.size(), 0);
    if (got > 0) {
      buffer_.append(chunk.data(), static_cast<size_t>(got));
      continue;
    }
    if (got < 0 && errno == EAGAIN) {
      readable_ = false;
      break;
    }
    state_ = State::over;
    return;
  }
  if (buffer_.size() > longest_head) state_ = State::over;
}

void Connection::begin_exchange(std::string_view head) {
  std::optional<Request> request = parse_head(head);
  if (!request) {
    state_ = State::over;
    return;
  }
  options_ = service_.options();
  exchange_ = service_.begin(std::move(*request));
  const FaultAction& fault = exchange_->fault;
  if (fault.kind == FaultKind::reset) return reset_connection();
  const uint64_t length = exchange_->request.content_length;
  received_ = 0;
  receive_limit_ = length;
  flip_at_.reset();
  body_ = Content();
  digests_.clear();
  for (const DigestKind kind : exchange_->digests) digests_.emplace_back(kind);
  if (stores_body(*exchange_) && length > 0) {
    if (happens_mid_body(fault.kind)) receive_limit_ = fault_position(fault, length);
    if (fault.kind == FaultKind::corrupt) flip_at_ = length / 2;
  }
  if (length > 0 && exchange_->request.header("expect") == "100-continue") {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (send(fd_, go_on.data(), go_on.size(), MSG_NOSIGNAL) < 0) {
      state_ = State::over;
      return;
    }
  }
  link_in_.start(std::chrono::steady_clock::now());
  grant_ = 0;
  if (length == 0) return body_complete();
  state_ = State::body;
}

void Connection::read_body(Time now) {
  const uint64_t length = exchange_->request.content_length;
  uint64_t turn = turn_bytes;
  while (received_ < receive_limit_) {
    if (turn == 0 || (buffer_.empty() && !readable_)) return;
    const uint64_t allowed = granted(std::min(receive_limit_ - received_, turn), true, now);
    if (allowed == 0) return;
    const uint64_t got = buffer_.empty() ? receive_body(allowed) : take_buffered(allowed);
    if (state_ == State::over) return;
    received_ += got;
    turn -= got;
    grant_ -= std::min(grant_, got);
    service_.count_in(got);
  }
  if (receive_limit_ < length) return act_out_fault();
  body_complete();
}

void Connection::make_room() {
  if (block_ != nullptr && block_used_ < BlockPool::block_size) return;
  if (block_ != nullptr) body_.append(Content::of_memory(block_, block_used_));
  block_ = service_.blocks().take();
  block_used_ = 0;
}

uint64_t Connection::take_buffered(uint64_t limit) {
  const uint64_t bytes = std::min<uint64_t>(limit, buffer_.size());
  ingest(buffer_.data(), bytes);
  if (exchange_->keep_body) {
    for (uint64_t done = 0; done < bytes;) {
      make_room();
      const uint64_t part = std::min(bytes - done, BlockPool::block_size - block_used_);
      std::copy_n(buffer_.data() + done, part, block_.get() + block_used_);
      block_used_ += part;
      done += part;
    }
  }
  buffer_.erase(0, bytes);
  return bytes;
}

uint64_t Connection::receive_body(uint64_t limit) {
  ssize_t got = 0;
  if (!exchange_->keep_body) {
    got = recv(fd_, nullptr, limit, MSG_TRUNC);  // TCP drops the bytes without a copy
  } else {
    make_room();
    got = recv(fd_, block_.get() + block_used_,
               std::min<uint64_t>(limit, BlockPool::block_size - block_used_), 0);
  }
  if (got > 0) {
    const auto bytes = static_cast<uint64_t>(got);
    if (exchange_->keep_body) {
      ingest(block_.get() + block_used_, bytes);
      block_used_ += bytes;
    }
    return bytes;
  }
  if (got < 0 && errno == EAGAIN) {
    readable_ = false;
  } else {
    state_ = State::over;
  }
  return 0;
}

void Connection::ingest(char* bytes, uint64_t length) {
  if (flip_at_ && *flip_at_ >= received_ && *flip_at_ < received_ + length) {
    char& byte = bytes[*flip_at_ - received_];
    byte = static_cast<char>(byte ^ 0x20);
  }
  for (Digest& digest : digests_) digest.update({bytes, length});
}

void Connection::body_complete() {
  // Not the time at which the turn began: the peer may have sent, or have begun to wait, since.
  const Time arrived = std::chrono::steady_clock::now();
  Request& request = exchange_->request;
  if (request.content_length > 0) {
    if (!exchange_->keep_body) {
      request.body = Content::zeros(request.content_length);
    } else if (request.content_length <= small_body) {
      // One small body must not hold a whole block.
      request.body = Content::of_string(std::string(block_.get(), block_used_));
      block_used_ = 0;
    } else {
      body_.append(Content::of_memory(block_, block_used_));
      request.body = std::move(body_);
      block_.reset();
    }
  }
  for (Digest& digest : digests_) request.digests[digest_name(digest.kind())] = digest.finish();
  if (exchange_->fault.kind == FaultKind::hang) {
    state_ = State::hung;
    return;
  }
  prepare_answer();
  grant_at_ = arrived + exchange_->latency + response_.extra_delay;
  state_ = State::waiting;
}

void Connection::wait_over(Time now) {
  if (now < grant_at_) {
    timer_ = grant_at_;
    return;
  }
  if (exchange_->fault.kind == FaultKind::lost_reply) return reset_connection();
  grant_ = 0;
  link_out_.start(now);
  state_ = State::answering;
}

void Connection::apply_answer_fault(Response& response) {
  send_limit_ = response.body.size();
  if (stores_body(*exchange_)) return;  // it happened to the body that came in
  const FaultAction& fault = exchange_->fault;
  if (happens_mid_body(fault.kind)) send_limit_ = fault_position(fault, send_limit_);
  if (fault.kind == FaultKind::corrupt && send_limit_ > 0)
    response.body = with_flipped_byte(response.body);
}

void Connection::prepare_answer() {
  response_ = service_.finish(*exchange_);
  apply_answer_fault(response_);
  answer_head_ = "HTTP/1.1 " + std::to_string(response_.status) + " " +
                 std::string(reason_phrase(response_.status)) + "\r\n";
  for (const auto& [name, value] : response_.headers) {
    answer_head_.append(name).append(": ").append(value).append("\r\n");
  }
  const uint64_t length = response_.said_length.value_or(response_.body.size());
  if (response_.status != 204 && response_.status != 304) {
    answer_head_ += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  if (!exchange_->request.keep_alive) answer_head_ += "Connection: close\r\n";
  answer_head_ += "\r\n";
  head_sent_ = 0;
  body_sent_ = 0;
}

void Connection::write_answer(Time now) {
  // An answer without a body can only be cut before it begins.
  const bool fault_at_once = !stores_body(*exchange_) && happens_mid_body(exchange_->fault.kind) &&
                             response_.body.size() == 0;
  if (fault_at_once) return act_out_fault();
  uint64_t turn = turn_bytes;
  while (head_sent_ < answer_head_.size() || body_sent_ < send_limit_) {
    if (turn == 0 || !writable_) return;
    uint64_t allowed = std::min(send_limit_ - body_sent_, turn);
    if (allowed > 0) {
      allowed = granted(allowed, false, now);
      // The head goes out when it is due, whatever the link says of the body.
      if (allowed == 0 && head_sent_ == answer_head_.size()) return;
    }
    const uint64_t sent = send_some(allowed);
    if (state_ == State::over) return;
    if (allowed == 0 && timer_ && head_sent_ == answer_head_.size()) return;
    body_sent_ += sent;
    turn -= sent;
    grant_ -= std::min(grant_, sent);
    service_.count_out(sent);
  }
  if (send_limit_ < response_.body.size()) return act_out_fault();
  answer_complete();
}

uint64_t Connection::send_some(uint64_t body_bytes) {
  std::array<iovec, 32> spans;
  size_t count = 0;
  const size_t head_left = answer_head_.size() - head_sent_;
  if (head_left > 0)
    spans[count++] = {.iov_base = answer_head_.data() + head_sent_, .iov_len = head_left};
  if (body_bytes > 0)
    count +=
        response_.body.spans(body_sent_, body_bytes, spans.data() + count, spans.size() - count);
  msghdr message = {};
  message.msg_iov = spans.data();
  message.msg_iovlen = count;
  const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EAGAIN) {
      writable_ = false;
    } else {
      state_ = State::over;
    }
    return 0;
  }
  const size_t of_head = std::min(head_left, static_cast<size_t>(sent));
  head_sent_ += of_head;
  return static_cast<uint64_t>(sent) - of_head;
}

void Connection::answer_complete() {
  const bool keep_alive = exchange_->request.keep_alive;
  end_exchange();
  response_ = Response();
  state_ = keep_alive ? State::head : State::over;
}

void Connection::act_out_fault() {
  switch (exchange_->fault.kind) {
    case FaultKind::reset_mid:
      reset_connection();
      break;
    case FaultKind::truncate:
      state_ = State::over;
      break;
    default:
      state_ = State::hung;
  }
}

void Connection::end_exchange() {
  if (!exchange_) return;
  exchange_.reset();
  service_.end();
}

void Connection::reset_connection() {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  state_ = State::over;
}

}  // namespace penstock::test
