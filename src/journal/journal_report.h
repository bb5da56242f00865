// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/disk.h"
#include "penstock/result.h"

namespace penstock {

/// What a journal says, read by somebody who is not its mount.
struct JournalReport {
  struct File {
    uint64_t file = 0;
    std::string key;  ///< Empty: lost.
    uint64_t size = 0;
    uint64_t journal_bytes = 0;  ///< Of those, how many are in the journal.
    int64_t since_ns = 0;        ///< When they were promised, since the epoch.
    std::string failure;         ///< Why the last try to upload failed; empty: it did not.
    int64_t failure_ns = 0;
    bool upload = false;  ///< A multipart upload was begun and has not ended.
    std::string damage;   ///< Not empty: why the file cannot be used. Hashes were not checked.
  };
  std::string folder;
  std::string identity;
  std::string prefix;
  bool live = false;        ///< A mount has it.
  std::string problem;      ///< Not empty: why nothing, or not all, is known of it.
  std::vector<File> files;  ///< In the order of their last states.
};

/// All journals below `directory`, or why it cannot be read; not_found where there is none.
/// Changes nothing, and disturbs no mount.
Result<std::vector<JournalReport>> read_journals(const std::string& directory, Disk& disk);

}  // namespace penstock
