// SPDX-License-Identifier: Apache-2.0
#include "app/warm/warm_report.h"

#include <fmt/format.h>

#include "app/human_text.h"

namespace penstock {
namespace {

constexpr size_t most_named = 20;

std::string named_lines(const std::vector<std::string>& names, uint64_t count) {
  std::string text;
  for (const std::string& name : names) text += "penstock: " + name + "\n";
  if (count > names.size()) text += fmt::format("penstock: … and {} more\n", count - names.size());
  return text;
}

}  // namespace

WarmReport::Counts WarmReport::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

void WarmReport::found(uint64_t bytes) {
  const MutexLock lock(mutex_);
  counts_.files += 1;
  counts_.bytes += bytes;
}

void WarmReport::found_all() {
  const MutexLock lock(mutex_);
  counts_.all_found = true;
}

void WarmReport::already(uint64_t bytes) {
  const MutexLock lock(mutex_);
  counts_.already_files += 1;
  counts_.already_bytes += bytes;
}

void WarmReport::read(uint64_t bytes) {
  const MutexLock lock(mutex_);
  counts_.read_bytes += bytes;
}

void WarmReport::read_file() {
  const MutexLock lock(mutex_);
  counts_.read_files += 1;
}

void WarmReport::name(std::vector<std::string>& list, const std::string& line) {
  if (list.size() < most_named) list.push_back(printable(line));
}

void WarmReport::failed(const std::string& file, const std::string& why) {
  const MutexLock lock(mutex_);
  counts_.failed += 1;
  name(failures_, fmt::format("{}: {}", file, why));
}

void WarmReport::not_kept(const std::string& file) {
  const MutexLock lock(mutex_);
  counts_.not_kept += 1;
  name(lost_, fmt::format("not kept: {}", file));
}

void WarmReport::archived(const std::string& file) {
  const MutexLock lock(mutex_);
  counts_.archived += 1;
  name(archived_, fmt::format("archived: {}", file));
}

bool WarmReport::learn_room(const CacheShare& share) {
  const MutexLock lock(mutex_);
  if (share.limit == 0) return true;  // not known
  last_share_ = share;
  counts_.limit = share.room();
  counts_.no_room = counts_.limit == 0;
  return !counts_.no_room;
}

std::string WarmReport::room() const {
  const CacheShare& share = last_share_;
  if (share.room() == share.limit) return human_size(share.limit) + " (--cache-size)";
  return fmt::format(
      "{} ({} of its disk are free, {} shall stay so by --cache-min-free, and {} are kept)",
      human_size(share.room()), human_size(share.free), human_size(share.min_free),
      human_size(share.kept));
}

std::string WarmReport::room_text() const {
  const MutexLock lock(mutex_);
  return room();
}

void WarmReport::no_cache() {
  const MutexLock lock(mutex_);
  counts_.no_cache = true;
}

bool WarmReport::exceeds_limit() {
  const MutexLock lock(mutex_);
  if (said_limit_ || counts_.limit == 0 || counts_.bytes <= counts_.limit) return false;
  said_limit_ = true;
  return true;
}

double WarmReport::rate() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  return static_cast<double>(counts_.read_bytes) / (passed.count() + 0.001);
}

std::string WarmReport::progress() const {
  const MutexLock lock(mutex_);
  const uint64_t done = counts_.already_bytes + counts_.read_bytes;
  std::string text = fmt::format(
      "{} of {}{}, {} of {}, {}/s", counts_.already_files + counts_.read_files,
      counted(counts_.files, "file"), counts_.all_found ? "" : " so far", human_size(done),
      human_size(counts_.bytes), human_size(static_cast<uint64_t>(rate())));
  if (counts_.all_found && counts_.bytes > done && rate() >= 1) {
    const auto left = static_cast<int64_t>(static_cast<double>(counts_.bytes - done) / rate());
    text += fmt::format(", {} left", human_time(std::chrono::seconds(left)));
  }
  if (counts_.failed != 0) text += fmt::format(", {} failed", counts_.failed);
  return text;
}

std::string WarmReport::summary() const {
  const MutexLock lock(mutex_);
  const auto passed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_);
  std::string text = named_lines(failures_, counts_.failed) +
                     named_lines(archived_, counts_.archived) +
                     named_lines(lost_, counts_.not_kept);
  text += fmt::format("fetched {}, {} in {} ({}/s)", counted(counts_.read_files, "file"),
                      human_size(counts_.read_bytes), human_time(passed),
                      human_size(static_cast<uint64_t>(rate())));
  if (counts_.already_files != 0) {
    text += fmt::format("; {}, {} were there already", counted(counts_.already_files, "file"),
                        human_size(counts_.already_bytes));
  }
  if (counts_.failed != 0) text += fmt::format("; {} failed", counts_.failed);
  if (counts_.archived != 0) {
    text += fmt::format("; {} are archived and were left alone, see penstock restore",
                        counted(counts_.archived, "file"));
  }
  if (counts_.not_kept != 0) {
    text += fmt::format("; {} could not be kept", counted(counts_.not_kept, "file"));
    if (counts_.limit != 0) text += "; the cache has room for " + room();
  }
  return text + "\n";
}

}  // namespace penstock
