// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "journal/log_record.h"

namespace penstock {

/// What the records of a log say when all are applied in their order. Not thread-safe.
class LiveRecords {
 public:
  struct File {
    std::optional<JournalState> state;  ///< None: only that something of it was lost is known.
    std::optional<FailureRecord> failure;
    std::string damage;     ///< Not empty: why what is known of the file must not be used.
    bool withheld = false;  ///< Not counted below, for nobody can use it.
    uint64_t order = 0;     ///< Of its last state among all.
    uint64_t state_bytes = 0;
  };

  /// `bytes` is the record's length in the log. What it replaces goes into `dropped`: letting go
  /// of a state may remove segments, which takes a while.
  void apply(LogRecord record, uint64_t bytes, std::vector<JournalState>& dropped);
  /// Marks all files that have a state and no mark yet.
  void mark_all(const std::string& reason);
  /// Of a file that has a state.
  void withhold(uint64_t file);

  const std::map<uint64_t, File>& files() const noexcept { return files_; }
  const std::vector<JournalUpload>& uploads() const noexcept { return uploads_; }
  bool empty() const noexcept { return files_.empty() && uploads_.empty(); }
  /// The files in the order in which their last states were recorded.
  std::vector<const File*> in_order() const;

  /// How long a log with nothing else would be, about.
  uint64_t log_bytes() const noexcept { return log_bytes_; }
  /// Files with a state that is not withheld, and the bytes of those in pieces.
  uint64_t usable_files() const noexcept { return usable_files_; }
  uint64_t piece_bytes() const noexcept { return piece_bytes_; }
  /// The first JournalState::since_ns of them; 0: there are none.
  int64_t oldest_ns() const noexcept { return since_.empty() ? 0 : *since_.begin(); }

  /// A whole log, header and `owner` included (its whole_until is filled in).
  std::vector<std::byte> encode(OwnerRecord owner, uint64_t salt) const;

 private:
  void apply_state(JournalState state, uint64_t bytes, std::vector<JournalState>& dropped);
  void drop(File& file, std::vector<JournalState>& dropped);
  void count(const JournalState& state);
  void discount(const JournalState& state);

  std::map<uint64_t, File> files_;
  std::vector<JournalUpload> uploads_;
  uint64_t next_order_ = 0;
  uint64_t log_bytes_ = 0;
  uint64_t usable_files_ = 0;
  uint64_t piece_bytes_ = 0;
  std::multiset<int64_t> since_;  ///< Of the usable files.
};

}  // namespace penstock
