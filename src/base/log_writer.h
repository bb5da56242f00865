// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.h"

namespace penstock {

struct LogLine {
  LogLevel level = LogLevel::info;
  std::chrono::system_clock::time_point time;  ///< When it was said.
  std::string text;
};

/// Where lines end up. Only a log's own thread uses it, and that may be held up in it for ever.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// False: the line is lost.
  virtual bool write(const LogLine& line) = 0;
  /// See Log::reopen. Why not, where it goes on with what it had.
  virtual std::optional<std::string> reopen() = 0;
};

struct LogLimits {
  size_t room = 1U << 20;                    ///< Bytes of lines that wait to be written.
  std::chrono::milliseconds patience{100};   ///< How long one who speaks waits for room.
  std::chrono::milliseconds farewell{2000};  ///< How long the end waits for what is not written.
};

/// A log with a thread that writes. Who speaks puts a line into a queue. Where that is full, lines
/// of level debug are lost at once, and others after one who spoke has waited for room in vain;
/// then all are, until half of the queue is written. How many were lost is said in their place.
/// Where the sink never comes back, the destructor leaves it its thread and goes.
///
/// spdlog's asynchronous logger is not used: it counts lines and not bytes, drops the oldest or
/// waits without a limit, and its end waits for its thread; and stdio's streams, which its files
/// are, are locked by who is held up in them, so that exit() waits too.
class LogWriter final : public Log {
 public:
  /// Throws std::system_error where the system gives no thread. No signal is taken by the thread.
  LogWriter(LogLevel level, std::unique_ptr<LogSink> sink, LogLimits limits = {});
  ~LogWriter() override;
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void reopen() override;

 protected:
  void write(LogLevel level, std::string_view message) override;

 private:
  class Queue;

  uint64_t unwritten() const noexcept override;

  const LogLimits limits_;
  const std::shared_ptr<Queue> queue_;  ///< The thread's too, which may outlive this.
  std::thread thread_;
};

}  // namespace penstock
