// SPDX-License-Identifier: Apache-2.0
#include "app/access/replay_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "app/human_text.h"
#include "app/wrong.h"

namespace penstock {
namespace {

/// What the log itself has to say begins so; see open_access_log().
constexpr std::string_view remark_begin = "{\"remark\":";

}  // namespace

ReplayLog::ReplayLog(std::string file) : file_(std::move(file)), stream_(file_) {}

Result<ReplayLog> ReplayLog::open(const std::string& file) {
  errno = 0;
  ReplayLog log(file);
  if (!log.stream_)
    return wrong(fmt::format("{} cannot be read: {}", printable(file), std::strerror(errno)));
  if (Result<void> read = log.read_places(); !read) return read.error();
  if (log.places_.empty())
    return wrong(fmt::format("{} has no operation: is it an --access-log?", printable(file)));
  return log;
}

Result<void> ReplayLog::read_places() {
  uint64_t offset = 0;
  uint64_t number = 0;
  for (std::string line; std::getline(stream_, line); ++number) {
    const bool cut_off = stream_.eof();
    const uint64_t begin = std::exchange(offset, offset + line.size() + 1);
    if (line.empty()) continue;
    if (line.starts_with(remark_begin)) {
      remarks_.push_back(printable(line));
      continue;
    }
    const Result<AccessRecord> record = parse_access_line(line);
    if (record) {
      places_.push_back({.began_us = record->began_us, .offset = begin});
    } else if (cut_off) {
      remarks_.emplace_back("the last line is cut off");
    } else {
      return wrong(fmt::format("line {} of {} is none of an --access-log: {}", number + 1,
                               printable(file_), printable(record.error().message())));
    }
  }
  if (stream_.bad()) return wrong(fmt::format("{} cannot be read to its end", printable(file_)));
  stream_.clear();
  // Of those that began in one microsecond the one that has ended first comes first.
  std::ranges::stable_sort(places_, {}, &Place::began_us);
  return {};
}

Result<AccessRecord> ReplayLog::read(size_t index) {
  std::string line;
  stream_.seekg(static_cast<std::streamoff>(places_[index].offset));
  if (!std::getline(stream_, line)) {
    stream_.clear();
    return wrong(fmt::format("{} was made shorter meanwhile", printable(file_)));
  }
  Result<AccessRecord> record = parse_access_line(line);
  if (!record) return wrong(fmt::format("{} was changed meanwhile", printable(file_)));
  return record;
}

}  // namespace penstock
