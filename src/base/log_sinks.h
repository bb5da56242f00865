// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/log_writer.h"

namespace penstock {

/// "date level message", with its line end.
std::string dated_text(const LogLine& line);

/// Lines at the end of a file, or on standard error.
class FileSink final : public LogSink {
 public:
  struct Form {
    std::string path;                                  ///< Empty: standard error.
    mode_t mode = 0666;                                ///< Of a new file, less the umask.
    std::string (*text)(const LogLine&) = dated_text;  ///< With the line's end.
  };

  /// Throws std::runtime_error where the file cannot be opened. Of a FIFO that nobody reads it
  /// becomes a reader too, so that opening it does not wait.
  explicit FileSink(Form form);
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  bool write(const LogLine& line) override;
  std::optional<std::string> reopen() override;

 private:
  const Form form_;
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
