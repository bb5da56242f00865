// SPDX-License-Identifier: Apache-2.0
#include "app/access/access_log.h"

#include <fmt/format.h>

#include <memory>

#include "app/human_text.h"
#include "base/log_sinks.h"
#include "base/log_writer.h"

namespace penstock {
namespace {

std::string line_of(const LogLine& line) {
  if (line.level == LogLevel::info) return line.text + "\n";
  return fmt::format("{{\"remark\":{}}}\n", json_string(line.text));
}

}  // namespace

std::shared_ptr<Log> open_access_log(const std::string& file) {
  return std::make_shared<LogWriter>(
      LogLevel::info,
      std::make_unique<FileSink>(FileSink::Form{.path = file, .mode = 0600, .text = line_of}));
}

}  // namespace penstock
