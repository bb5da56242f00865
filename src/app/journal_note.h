// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/log.h"
#include "penstock/result.h"

namespace penstock {

/// A file in the state directory that says where a mount keeps its journal, so that `penstock
/// status` finds it when the mount has died, wherever it is:
///
///     STATE/journals/HASH: directory LF
///
/// It is there, durably, before anything is promised. All mounts of a directory share it, each with
/// a lock (flock); the last one to end takes it away, unless a journal is left.
class JournalNote {
 public:
  /// Without a note, where it cannot be written: the log says so.
  JournalNote(const std::string& state_directory, std::string journals,
              const std::shared_ptr<Log>& log);
  JournalNote(const JournalNote&) = delete;
  JournalNote& operator=(const JournalNote&) = delete;
  /// After the end of the mount's journal.
  ~JournalNote();

 private:
  int write(const std::string& folder);

  const std::shared_ptr<Disk> disk_;
  const std::string journals_;
  const std::string path_;
  DiskFile file_;
};

struct NotedJournal {
  std::string note;  ///< The file.
  std::string directory;
};
/// What is noted in a state directory; or why that cannot be read. Nothing where there is none.
Result<std::vector<NotedJournal>> noted_journals(const std::string& state_directory);

}  // namespace penstock
