// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/log_writer.h"

namespace penstock {

/// Lines "date level message" at the end of a file, or on standard error.
class FileSink final : public LogSink {
 public:
  /// Standard error where `path` is empty. Throws std::runtime_error where the file cannot be
  /// opened. Of a FIFO that nobody reads it becomes a reader too, so that opening it does not wait.
  explicit FileSink(std::string path);
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  bool write(const LogLine& line) override;
  std::optional<std::string> reopen() override;

 private:
  const std::string path_;
  int fd_;  ///< Standard error is not closed at the end.
};

/// Syslog, as a daemon. One at a time in a process.
class SyslogSink final : public LogSink {
 public:
  explicit SyslogSink(std::string program);
  ~SyslogSink() override;
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  bool write(const LogLine& line) override;
  std::optional<std::string> reopen() override { return std::nullopt; }

 private:
  const std::string program_;  ///< Which syslog refers to.
};

}  // namespace penstock
