// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/scheduler.h"

namespace penstock {

/// Sees an epoch, which is the reading of every small file of a tree once, in the files that are
/// read: many different ones, whole, of one directory or of several that lie side by side. And sees
/// where fetching the others does not pay. One epoch at a time. Only rules: no thread, and the
/// caller's clock. Not thread-safe.
class EpochWatch {
 public:
  using Time = Scheduler::Time;

  /// Where a file's bytes were when a program read it.
  enum class From : uint8_t {
    store,  ///< It was fetched because it was read, or nobody knows better.
    cache,  ///< The cache had all of it from before.
    ahead,  ///< It was fetched ahead for this.
  };

  struct Epoch {
    uint64_t id = 0;        ///< Another one for each epoch.
    std::string directory;  ///< A key prefix that ends in "/", or is empty.
    bool below = false;     ///< Not its own files are read, but those of the directories in it.
    uint64_t room = 0;      ///< So many more files may be fetched ahead of the reader now.
    uint64_t known = 0;     ///< Names that are known there.
    uint64_t fetched = 0;   ///< Files that were fetched ahead.
    uint64_t used = 0;      ///< Files fetched ahead that a program has read since.
  };

  /// A program has read all of an object.
  void read(std::string_view key, From from, Time now);
  /// A file of the epoch was fetched ahead.
  void fetched() { ++epoch_.fetched; }
  /// One that should be turned out to be in the cache already.
  void present(Time now);
  /// So many names are known where the epoch is.
  void known(uint64_t names) { epoch_.known = names; }
  /// The epoch that is under way; nothing where there is none, or its reader has stopped.
  std::optional<Epoch> epoch(Time now);

  /// Different files that make an epoch, read within `memory` of one another.
  static constexpr size_t fewest_files = 32;
  static constexpr std::chrono::seconds memory{30};
  /// Without a read for so long the epoch is over.
  static constexpr std::chrono::seconds pause{5};
  /// A tree that was fetched in vain is left alone for so long.
  static constexpr std::chrono::seconds distrust{60};

 private:
  struct Read {
    size_t key = 0;  // its hash
    std::string directory;
    bool kept = false;
    Time at;
  };
  /// What was read lately in directories that lie side by side.
  struct Siblings {
    std::deque<Read> reads;
    Time not_before{};
  };

  Siblings& siblings_of(const std::string& parent, Time now);
  bool is_epoch(const Siblings& siblings, Time now) const;
  void place(const Siblings& siblings, const std::string& parent);
  bool covers(const std::string& directory, const std::string& parent) const;
  bool in_vain(From from);
  void give_up(Siblings& siblings, Time now);
  /// Files that are there and not read. What is read may be of an epoch before, or on its way yet.
  uint64_t ahead() const { return epoch_.fetched - std::min(epoch_.used, epoch_.fetched); }

  std::map<std::string, Siblings> all_;  // by the directory that they lie in; few
  bool under_way_ = false;
  Epoch epoch_;
  Time last_read_{};
  uint64_t read_ = 0;
  uint64_t present_ = 0;
  double expected_ = 0;  // that `used` would be if files were read by chance
};

}  // namespace penstock
