// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <stdexcept>

namespace penstock {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

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

class SpdLog final : public Log {
 public:
  SpdLog(LogLevel level, spdlog::sink_ptr sink, const char* pattern)
      : Log(level), logger_("penstock", std::move(sink)) {
    logger_.set_level(spdlog::level::trace);
    logger_.flush_on(spdlog::level::info);
    logger_.set_pattern(pattern);
  }

  void write(LogLevel level, std::string_view message) override {
    logger_.log(spdlog_level(level), printable(message));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::shared_ptr<Log> Log::to_file(const std::string& file, LogLevel level) {
  try {
    spdlog::sink_ptr sink;
    if (file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    }
    return std::make_shared<SpdLog>(level, std::move(sink), "%Y-%m-%d %H:%M:%S.%e %l %v");
  } catch (const spdlog::spdlog_ex& error) {
    throw std::runtime_error(fmt::format("cannot write the log file: {}", error.what()));
  }
}

std::shared_ptr<Log> Log::to_syslog(const std::string& program, LogLevel level) {
  constexpr int log_pid = 0x01;
  constexpr int log_daemon = 3 << 3;
  return std::make_shared<SpdLog>(
      level, std::make_shared<spdlog::sinks::syslog_sink_mt>(program, log_pid, log_daemon, false),
      "%v");
}

std::shared_ptr<Log> Log::none() {
  return std::make_shared<SpdLog>(LogLevel::error, std::make_shared<spdlog::sinks::null_sink_mt>(),
                                  "%v");
}

}  // namespace penstock
