// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "server/connection.h"

namespace penstock::test {

/// One thread, one epoll set, and the connections that were given to it. Timers are exact to about
/// 0.1 ms.
class EventLoop {
 public:
  EventLoop(Service& service, SharedLinks& links);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Takes over an accepted, non-blocking socket. Thread-safe.
  void add_connection(int fd) EXCLUDES(mutex_);
  /// Accepts from `listener` and hands the connections to `others` in turn. Before start().
  void accept_for(int listener, std::vector<EventLoop*> others);
  void start();
  void stop() EXCLUDES(mutex_);

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint64_t serial = 0;  ///< Tells it from an earlier one with the same descriptor.
    bool queued = false;  ///< In ready_.
  };
  struct TimerEntry {
    Time when;
    int fd = 0;
    uint64_t serial = 0;
    bool operator>(const TimerEntry& other) const { return when > other.when; }
  };

  void run();
  void wake();
  bool take_new_connections() EXCLUDES(mutex_);
  void accept_all();
  void wait_for_events();
  void fire_timers();
  void advance_ready();
  void queue(int fd, Slot& slot);

  Service& service_;
  SharedLinks& links_;
  const int epoll_;
  const int wake_;
  int listener_ = -1;
  std::vector<EventLoop*> others_;
  size_t next_other_ = 0;
  std::unordered_map<int, Slot> slots_;
  std::vector<int> ready_;
  std::priority_queue<TimerEntry, std::vector<TimerEntry>, std::greater<>> timers_;
  uint64_t next_serial_ = 1;

  Mutex mutex_;
  std::vector<int> new_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace penstock::test
