// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/log.h"
#include "journal/journal.h"
#include "journal/journal_folder.h"
#include "journal/replay.h"
#include "journal/segment.h"
#include "penstock/result.h"

namespace penstock {

/// The segments of one folder that states name, each once.
class NamedSegments {
 public:
  explicit NamedSegments(std::shared_ptr<SegmentFolder> folder) : folder_(std::move(folder)) {}

  /// To be used no longer than this.
  SegmentSource source();
  /// 0, or what opening the file gave.
  int open(uint64_t number);

 private:
  const std::shared_ptr<SegmentFolder> folder_;
  std::map<uint64_t, std::shared_ptr<JournalSegment>> segments_;
  std::map<uint64_t, int> opened_;
};

/// What a dead mount left: its folder, locked, and what the log in it says.
struct FoundJournal {
  std::string path;
  DiskFile lock;
  FolderListing listing;
  std::shared_ptr<SegmentFolder> folder;
  std::unique_ptr<NamedSegments> segments;
  Replay replay;
};

/// The oldest journal of this identity and prefix that has something in it and that no mount has.
/// Dead mounts' journals with nothing in them are removed; `damaged` gets the journals that cannot
/// be read.
Result<std::optional<FoundJournal>> find_journal(const JournalOptions& options,
                                                 const std::shared_ptr<Disk>& disk,
                                                 const std::shared_ptr<Log>& log,
                                                 std::vector<JournalDamage>& damaged);

/// As disk_error, and access_denied where the folder may not be used.
Error folder_error(int error, const std::string& what);

}  // namespace penstock
