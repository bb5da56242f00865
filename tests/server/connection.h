// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/pacer.h"
#include "server/service.h"

namespace penstock::test {

/// One client's connection, driven by one EventLoop on one thread.
///
///   head -> (body) -> waiting -> answering -> head ...      any -> hung (only the peer ends it)
///                                                           any -> over
class Connection {
 public:
  /// Owns `fd`, a non-blocking socket.
  Connection(int fd, Service& service, SharedLinks& links);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class Next : uint8_t {
    wait,   ///< For the socket, or for timer().
    again,  ///< More can be done at once, after the others had their turn.
    close,
  };
  /// Does what the socket and the time allow. `readable` and `writable` are edges: something
  /// changed.
  Next advance();
  void mark(bool readable, bool writable, bool hang_up);
  /// When to advance even if nothing happens on the socket.
  std::optional<Time> timer() const { return timer_; }

 private:
  enum class State : uint8_t { head, body, waiting, answering, hung, over };

  void read_head();
  void begin_exchange(std::string_view head);
  void read_body(Time now);
  uint64_t take_buffered(uint64_t limit);
  uint64_t receive_body(uint64_t limit);
  void ingest(char* bytes, uint64_t length);
  void make_room();
  void body_complete();
  void wait_over(Time now);
  void prepare_answer();
  void apply_answer_fault(Response& response);
  void write_answer(Time now);
  uint64_t send_some(uint64_t body_bytes);
  void answer_complete();
  void act_out_fault();
  void end_exchange();
  void reset_connection();

  /// How many bytes may pass now, `wanted` at most; 0: timer_ says when.
  uint64_t granted(uint64_t wanted, bool in, Time now);

  const int fd_;
  Service& service_;
  SharedLinks& links_;
  State state_ = State::head;
  bool readable_ = true;
  bool writable_ = true;
  bool peer_gone_ = false;
  std::optional<Time> timer_;
  std::string buffer_;  ///< Received and not yet understood.

  std::optional<Exchange> exchange_;
  std::shared_ptr<const ServerOptions> options_;  ///< As they were when the exchange began.
  Pacer link_in_;
  Pacer link_out_;
  uint64_t grant_ = 0;  ///< Bytes that may pass from grant_at_ on.
  Time grant_at_{};

  // The body that comes in.
  uint64_t received_ = 0;
  uint64_t receive_limit_ = 0;  ///< A fault happens there.
  std::optional<uint64_t> flip_at_;
  std::vector<Digest> digests_;
  std::shared_ptr<char> block_;
  uint64_t block_used_ = 0;
  std::string small_body_;
  Content body_;

  // The answer that goes out.
  Response response_;
  std::string answer_head_;
  size_t head_sent_ = 0;
  uint64_t body_sent_ = 0;
  uint64_t send_limit_ = 0;  ///< A fault happens there, or the body ends.
};

}  // namespace penstock::test
