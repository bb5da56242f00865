// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

enum class LogLevel { debug, info, warning, error };

/// Where messages go. One per mount, passed to whoever speaks; there is no global logger.
/// Thread-safe.
///
/// What to_file and to_syslog make is written by a thread of its own (log_writer.h), so that a
/// disk, a pipe or a syslog that blocks holds up nobody who speaks. A process that forks makes its
/// logs after that.
class Log {
 public:
  /// Writes lines "date level message" to `file`, to standard error where it is empty. Throws
  /// std::runtime_error where the file cannot be opened.
  static std::shared_ptr<Log> to_file(const std::string& file, LogLevel level);
  /// Writes to syslog as `program` (the journal on systemd machines).
  static std::shared_ptr<Log> to_syslog(const std::string& program, LogLevel level);
  /// Throws every message away: for tests that do not look at them.
  static std::shared_ptr<Log> none();

  virtual ~Log() = default;

  bool enabled(LogLevel level) const noexcept { return level >= level_; }

  /// Opens the log's file by its name again, once what was said so far is written: the file may
  /// have been renamed (logrotate). Waits for nothing.
  virtual void reopen() {}

  /// Waits until everything that was said is written, but not longer than `limit`; false: it is
  /// not. May be called in a handler of signals.
  bool wait_written(std::chrono::milliseconds limit) const noexcept;

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::debug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::warning, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::error, format, std::forward<Args>(args)...);
  }

 protected:
  explicit Log(LogLevel level) : level_(level) {}
  /// `message` is one message without a line end; bytes that a terminal would act on are the
  /// writer's to escape.
  virtual void write(LogLevel level, std::string_view message) = 0;

 private:
  /// How much of what was said is not written yet. Takes no lock.
  virtual uint64_t unwritten() const noexcept { return 0; }

  template <typename... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
  }

  LogLevel level_;
};

}  // namespace penstock
