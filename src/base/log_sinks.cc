// SPDX-License-Identifier: Apache-2.0
#include "base/log_sinks.h"

#include <fcntl.h>
#include <poll.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace penstock {
namespace {

/// Object keys come from the bucket: a key with a line end or an escape sequence must not forge a
/// log line.
std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return LOG_DEBUG;
    case LogLevel::info:
      return LOG_INFO;
    case LogLevel::warning:
      return LOG_WARNING;
    case LogLevel::error:
      break;
  }
  return LOG_ERR;
}

/// -1 and errno where it cannot be opened.
int open_log_file(const std::string& path, mode_t mode) {
  constexpr int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
  // Of a FIFO without a reader: not to wait for one is an error, being one is not.
  int fd = open(path.c_str(), O_WRONLY | O_NONBLOCK | flags, mode);
  if (fd < 0 && errno == ENXIO) fd = open(path.c_str(), O_RDWR | O_NONBLOCK | flags, mode);
  if (fd >= 0) fcntl(fd, F_SETFL, O_APPEND);  // only the log's thread waits, and it may
  return fd;
}

std::string refusal(const std::string& path) {
  return fmt::format("cannot write the log file {}: {}", path, std::strerror(errno));
}

}  // namespace

std::string dated_text(const LogLine& line) {
  using std::chrono::milliseconds;
  const auto since = std::chrono::floor<milliseconds>(line.time.time_since_epoch());
  const auto seconds = static_cast<std::time_t>(since.count() / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {} {}\n", local.tm_year + 1900,
                     local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                     since.count() % 1000, name_of(line.level), printable(line.text));
}

FileSink::FileSink(Form form)
    : form_(std::move(form)),
      fd_(form_.path.empty() ? STDERR_FILENO : open_log_file(form_.path, form_.mode)) {
  if (fd_ < 0) throw std::runtime_error(refusal(form_.path));
}

FileSink::~FileSink() {
  if (!form_.path.empty()) close(fd_);
}

bool FileSink::write(const LogLine& line) {
  const std::string text = form_.text(line);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // standard error as another process has set it
      pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
      poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> FileSink::reopen() {
  if (form_.path.empty()) return std::nullopt;
  const int fd = open_log_file(form_.path, form_.mode);
  if (fd < 0) return refusal(form_.path) + "; the one that is open is gone on with";
  close(std::exchange(fd_, fd));
  return std::nullopt;
}

SyslogSink::SyslogSink(std::string program) : program_(std::move(program)) {
  openlog(program_.c_str(), LOG_PID, LOG_DAEMON);
}

SyslogSink::~SyslogSink() { closelog(); }

bool SyslogSink::write(const LogLine& line) {
  syslog(priority_of(line.level), "%s", printable(line.text).c_str());
  return true;
}

}  // namespace penstock
