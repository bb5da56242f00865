// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <ctime>

#include "base/log_sinks.h"
#include "base/log_writer.h"

namespace penstock {
namespace {

class NoLog final : public Log {
 public:
  NoLog() : Log(LogLevel::error) {}

 protected:
  void write(LogLevel /*level*/, std::string_view /*message*/) override {}
};

}  // namespace

std::shared_ptr<Log> Log::to_file(const std::string& file, LogLevel level) {
  return std::make_shared<LogWriter>(level,
                                     std::make_unique<FileSink>(FileSink::Form{.path = file}));
}

std::shared_ptr<Log> Log::to_syslog(const std::string& program, LogLevel level) {
  return std::make_shared<LogWriter>(level, std::make_unique<SyslogSink>(program));
}

std::shared_ptr<Log> Log::none() { return std::make_shared<NoLog>(); }

// Looks again and again instead of being woken: in a handler of signals no lock can be taken.
bool Log::wait_written(std::chrono::milliseconds limit) const noexcept {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (unwritten() > 0) {
    if (std::chrono::steady_clock::now() >= end) return false;
    const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
    nanosleep(&moment, nullptr);
  }
  return true;
}

}  // namespace penstock
