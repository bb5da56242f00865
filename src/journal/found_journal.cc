// SPDX-License-Identifier: Apache-2.0
#include "journal/found_journal.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

namespace penstock {
namespace {

class Search {
 public:
  Search(const JournalOptions& options, std::shared_ptr<Disk> disk, std::shared_ptr<Log> log,
         std::vector<JournalDamage>& damaged)
      : options_(options), disk_(std::move(disk)), log_(std::move(log)), damaged_(damaged) {}

  Result<std::optional<FoundJournal>> run() {
    std::vector<std::string> names;
    if (const int error = disk_->list(options_.directory, names); error != 0)
      return folder_error(error, "cannot read " + options_.directory);
    const std::string start = folder_hash(options_.identity, options_.prefix) + "-";
    std::vector<std::string> paths;
    for (const std::string& name : names) {
      if (name.starts_with(start)) paths.push_back(options_.directory + "/" + name);
    }
    // `penstock status` (read_journals) locks a journal for the moment in which it looks at it, on
    // a busy machine for longer: it is not taken for a mount that lives.
    constexpr std::chrono::milliseconds longest_pause{1000};
    std::chrono::milliseconds pause{0};
    while (!paths.empty() && pause <= longest_pause) {
      std::this_thread::sleep_for(pause);
      pause = std::max(2 * pause, std::chrono::milliseconds(5));
      std::vector<std::string> busy;
      for (const std::string& path : paths) {
        Result<bool> looked = look_into(path);
        if (!looked) return looked.error();
        if (!*looked) busy.push_back(path);
      }
      paths = std::move(busy);
    }
    if (waiting_ > 0)
      log_->warning("{} more journals of dead mounts in {} wait for later mounts", waiting_,
                    options_.directory);
    return std::move(found_);
  }

 private:
  /// False where somebody looks into the folder just now.
  Result<bool> look_into(const std::string& path) {
    FoundJournal candidate{.path = path};
    const int locked = lock_folder(disk_, path, candidate.lock);
    if (locked == -EWOULDBLOCK) return mount_lives(disk_, path);
    if (locked == -ENOENT || locked == -ENOTDIR) return true;
    if (locked != 0) return folder_error(locked, "cannot lock " + path);
    if (const int error = list_folder(*disk_, path, candidate.listing); error != 0)
      return folder_error(error, "cannot read " + path);
    if (candidate.listing.logs.empty()) {
      // Without a log nobody was promised anything.
      if (candidate.listing.damaged.empty()) remove_journal_folder(*disk_, path);
      return true;
    }
    if (Result<void> read = replay(candidate); !read) return read.error();
    sort_out(std::move(candidate));
    return true;
  }

  Result<void> replay(FoundJournal& candidate) {
    const std::string path = log_path(candidate.path, candidate.listing.logs.back());
    candidate.folder = std::make_shared<SegmentFolder>(disk_, candidate.path, log_);
    candidate.segments = std::make_unique<NamedSegments>(candidate.folder);
    std::vector<std::byte> bytes;
    const int error = read_log(disk_, path, bytes);
    if (error == -EFBIG || error == -EINVAL) {
      candidate.replay.problem = "is no log";
      return {};
    }
    if (error != 0) return folder_error(error, "cannot read " + path);
    candidate.replay = replay_log(bytes, candidate.segments->source());
    if (candidate.replay.outcome == Replay::Outcome::unknown_version)
      return Error(Code::not_supported,
                   fmt::format("the journal in {} {}, which this Penstock cannot read: mount with "
                               "the newer Penstock that wrote it, or move that folder away",
                               candidate.path, candidate.replay.problem));
    if (candidate.replay.end < bytes.size() && !candidate.replay.damaged)
      log_->debug("{}: the last {} bytes were not written wholly", path,
                  bytes.size() - candidate.replay.end);
    return {};
  }

  void sort_out(FoundJournal candidate) {
    const Replay& replay = candidate.replay;
    if (replay.outcome != Replay::Outcome::good) {
      const std::string reason =
          fmt::format("the log of the journal in {} {}: nothing in that folder can be used",
                      candidate.path, replay.problem);
      log_->error("{}", reason);
      damaged_.push_back({.reason = reason});
      return;
    }
    if (replay.owner.identity != options_.identity || replay.owner.prefix != options_.prefix)
      return;
    if (replay.live.empty() && !replay.damaged && candidate.listing.damaged.empty()) {
      remove_journal_folder(*disk_, candidate.path);
      return;
    }
    if (found_) ++waiting_;
    if (found_ && found_->replay.owner.created_ns <= replay.owner.created_ns) return;
    found_ = std::move(candidate);
  }

  const JournalOptions& options_;
  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<Log> log_;
  std::vector<JournalDamage>& damaged_;
  std::optional<FoundJournal> found_;
  uint64_t waiting_ = 0;
};

}  // namespace

SegmentSource NamedSegments::source() {
  return [this](uint64_t number) {
    std::shared_ptr<JournalSegment>& segment = segments_[number];
    if (segment == nullptr) segment = JournalSegment::named(folder_, number);
    return segment;
  };
}

int NamedSegments::open(uint64_t number) {
  const auto [opened, fresh] = opened_.try_emplace(number, 0);
  if (fresh) opened->second = segments_.at(number)->open();
  return opened->second;
}

Result<std::optional<FoundJournal>> find_journal(const JournalOptions& options,
                                                 const std::shared_ptr<Disk>& disk,
                                                 const std::shared_ptr<Log>& log,
                                                 std::vector<JournalDamage>& damaged) {
  return Search(options, disk, log, damaged).run();
}

Error folder_error(int error, const std::string& what) {
  const Error told = disk_error(error, what);
  const bool denied = error == -EACCES || error == -EPERM || error == -EROFS;
  return denied ? told.with_code(Code::access_denied) : told;
}

}  // namespace penstock
