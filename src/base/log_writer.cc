// SPDX-License-Identifier: Apache-2.0
#include "base/log_writer.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <utility>

#include "base/mutex.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;

LogLine remark(std::string text) {
  return LogLine{LogLevel::warning, std::chrono::system_clock::now(), std::move(text)};
}

LogLine lost_lines(uint64_t count) {
  return remark(fmt::format("{} lines of the log were lost: it could not be written", count));
}

size_t size_of(const LogLine& line) { return sizeof(line) + line.text.size(); }

/// A thread that is made while this exists takes no signals.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

/// What is said and not written yet. Thread-safe.
class LogWriter::Queue {
 public:
  explicit Queue(const LogLimits& limits) : limits_(limits) {}

  void say(LogLine line) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (line.level != LogLevel::debug && !hopeless_) wait_for_room(size_of(line));
    if (!has_room(size_of(line))) {
      ++lost_;
      return;
    }
    push(std::move(line));
  }

  void reopen() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (messages_.empty() || messages_.back()) push(std::nullopt);
  }

  /// What comes next; nothing where the sink is to be opened again. Waits for it; false: there will
  /// be nothing any more.
  bool take(std::optional<LogLine>& next) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (messages_.empty() && !ending_) spoken_.wait(mutex_);
    if (messages_.empty()) return false;
    next = std::move(messages_.front());
    messages_.pop_front();
    if (next) bytes_ -= size_of(*next);
    if (lost_ > 0 && bytes_ <= limits_.room / 2) {
      push(lost_lines(std::exchange(lost_, 0)));
      hopeless_ = false;
    }
    if (waiting_ > 0) room_.notify_all();
    return true;
  }

  /// What take gave is written, or lost.
  void taken() noexcept { unwritten_.fetch_sub(1); }
  uint64_t unwritten() const noexcept { return unwritten_.load(); }

  /// The thread ends when it has written what there is.
  void end() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ending_ = true;
    spoken_.notify_one();
  }

 private:
  // A line that is longer than all the room is taken where nothing else waits.
  bool has_room(size_t bytes) const REQUIRES(mutex_) {
    return lost_ == 0 && (bytes_ == 0 || bytes_ + bytes <= limits_.room);
  }

  void wait_for_room(size_t bytes) REQUIRES(mutex_) {
    const Clock::time_point end = Clock::now() + limits_.patience;
    ++waiting_;
    while (!has_room(bytes) && Clock::now() < end) room_.wait_until(mutex_, end);
    --waiting_;
    hopeless_ = !has_room(bytes);
  }

  void push(std::optional<LogLine> message) REQUIRES(mutex_) {
    if (message) bytes_ += size_of(*message);
    messages_.push_back(std::move(message));
    unwritten_.fetch_add(1);
    spoken_.notify_one();
  }

  const LogLimits limits_;
  std::atomic<uint64_t> unwritten_ = 0;  ///< Messages in the queue, and the one taken.
  Mutex mutex_;
  CondVar spoken_;
  CondVar room_;
  std::deque<std::optional<LogLine>> messages_ GUARDED_BY(mutex_);  ///< Nothing: reopen.
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t lost_ GUARDED_BY(mutex_) = 0;
  uint32_t waiting_ GUARDED_BY(mutex_) = 0;
  bool hopeless_ GUARDED_BY(mutex_) = false;  ///< Somebody has waited in vain.
  bool ending_ GUARDED_BY(mutex_) = false;
};

LogWriter::LogWriter(LogLevel level, std::unique_ptr<LogSink> sink, LogLimits limits)
    : Log(level), limits_(limits), queue_(std::make_shared<Queue>(limits)) {
  const SignalsBlocked blocked;
  thread_ = std::thread([queue = queue_, sink = std::move(sink)] {
    uint64_t refused = 0;
    std::optional<LogLine> next;
    while (queue->take(next)) {
      if (!next) {
        if (const std::optional<std::string> fault = sink->reopen()) sink->write(remark(*fault));
      } else {
        const bool told = refused == 0 || sink->write(lost_lines(refused));
        if (told) refused = 0;
        if (!told || !sink->write(*next)) ++refused;
      }
      queue->taken();
    }
  });
  pthread_setname_np(thread_.native_handle(), "log");
}

LogWriter::~LogWriter() {
  const bool written = wait_written(limits_.farewell);
  queue_->end();
  written ? thread_.join() : thread_.detach();
}

void LogWriter::reopen() { queue_->reopen(); }

void LogWriter::write(LogLevel level, std::string_view message) {
  queue_->say(LogLine{level, std::chrono::system_clock::now(), std::string(message)});
}

uint64_t LogWriter::unwritten() const noexcept { return queue_->unwritten(); }

}  // namespace penstock
