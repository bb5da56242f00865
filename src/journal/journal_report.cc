// SPDX-License-Identifier: Apache-2.0
#include "journal/journal_report.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "journal/journal_folder.h"
#include "journal/replay.h"

namespace penstock {
namespace {

JournalReport::File describe(uint64_t number, const LiveRecords::File& file) {
  JournalReport::File out{.file = number, .damage = file.damage};
  if (file.state) {
    out.key = file.state->key;
    out.size = file.state->size;
    out.since_ns = file.state->since_ns;
    for (const JournalRange& range : file.state->ranges) {
      if (range.kind == JournalRange::Kind::piece) out.journal_bytes += range.length;
    }
  }
  if (file.failure) {
    out.failure = file.failure->message;
    out.failure_ns = file.failure->time_ns;
  }
  return out;
}

void describe_all(const LiveRecords& live, JournalReport& report) {
  std::set<uint64_t> uploads;
  for (const JournalUpload& upload : live.uploads()) uploads.insert(upload.file);
  for (const LiveRecords::File* file : live.in_order())
    report.files.push_back(describe(file->state->file, *file));
  for (const auto& [number, file] : live.files()) {
    if (!file.state) report.files.push_back(describe(number, file));
  }
  for (JournalReport::File& file : report.files) file.upload = uploads.contains(file.file);
}

/// Reads the newest log. One that is renewed meanwhile is looked for again.
int read_newest(const std::shared_ptr<Disk>& disk, const std::string& folder,
                std::vector<std::byte>& log, FolderListing& listing) {
  int error = -ENOENT;
  for (int tries = 0; tries < 5 && error == -ENOENT; ++tries) {
    listing = {};
    error = list_folder(*disk, folder, listing);
    if (error == 0 && listing.logs.empty()) return -ENOENT;
    if (error == 0) error = read_log(disk, log_path(folder, listing.logs.back()), log);
  }
  return error;
}

/// Nothing where there is no journal.
std::optional<JournalReport> read_one(const std::shared_ptr<Disk>& disk,
                                      const std::string& folder) {
  JournalReport report{.folder = folder, .live = mount_lives(disk, folder)};
  std::vector<std::byte> log;
  FolderListing listing;
  const int error = read_newest(disk, folder, log, listing);
  if (error == -ENOENT || error == -ENOTDIR) return std::nullopt;
  if (error != 0) {
    report.problem = std::generic_category().message(-error);
    return report;
  }
  const Replay replay = replay_log(log, [](uint64_t) { return nullptr; });
  report.problem = replay.problem;
  if (replay.damaged || !listing.damaged.empty()) report.problem = "its log was damaged";
  if (replay.outcome != Replay::Outcome::good) return report;
  report.identity = replay.owner.identity;
  report.prefix = replay.owner.prefix;
  describe_all(replay.live, report);
  return report;
}

}  // namespace

Result<std::vector<JournalReport>> read_journals(const std::string& directory, Disk& disk) {
  // Not owned: whoever calls keeps it.
  const std::shared_ptr<Disk> shared(std::shared_ptr<Disk>(), &disk);
  std::vector<std::string> names;
  std::vector<JournalReport> reports;
  if (const int error = disk.list(directory, names); error != 0)
    return Error(error == -ENOENT ? Code::not_found : Code::unavailable,
                 std::generic_category().message(-error));
  std::ranges::sort(names);
  for (const std::string& name : names) {
    if (std::optional<JournalReport> report =
            read_one(shared, fmt::format("{}/{}", directory, name)))
      reports.push_back(std::move(*report));
  }
  return reports;
}

}  // namespace penstock
