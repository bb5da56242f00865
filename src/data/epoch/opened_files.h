// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "data/read/read_engine.h"

namespace penstock {

/// What programs have opened lately, and have open, for those who fetch ahead of them. Hints are
/// numbered in the order in which they come, so that it can be told what was opened after one.
/// Bounded: what was opened long ago is forgotten. Thread-safe.
class OpenedFiles {
 public:
  using Open = std::function<std::shared_ptr<ObjectReader>()>;

  /// The number of the next hint.
  uint64_t next_number() EXCLUDES(mutex_);

  /// A program has opened some version of the object.
  void opened(const std::string& key) EXCLUDES(mutex_);
  /// Whether a program has opened the object after the hint of that number came.
  bool opened_since(const std::string& key, uint64_t number) EXCLUDES(mutex_);

  /// For a program that opens a large object: the reader that fetch_by() gave out, where that is in
  /// use, or a new one by `open`, which may take no lock that is held while this is called. So
  /// there are never two readers that fetch the same bytes.
  std::shared_ptr<ObjectReader> read_by(const ObjectVersion& version, const Open& open)
      EXCLUDES(mutex_);
  /// For who fetches it: the reader that a program has open, or a new one by `open`.
  std::shared_ptr<ObjectReader> fetch_by(const ObjectVersion& version, const Open& open)
      EXCLUDES(mutex_);
  /// Whether a program has this version open.
  bool is_open(const ObjectVersion& version) EXCLUDES(mutex_);

 private:
  struct Opened {
    size_t key = 0;
    uint64_t number = 0;  // of the newest hint at that time
  };
  struct Shared {
    ETag etag;
    std::weak_ptr<ObjectReader> reader = {};
    bool fetching = false;  // made, or shared, by who fetches it
    bool open = false;      // by a program, at least once
  };

  /// Null where nobody uses it.
  Shared* known(const ObjectVersion& version) REQUIRES(mutex_);
  void remember(const ObjectVersion& version, Shared shared) REQUIRES(mutex_);

  static constexpr size_t slots = 8192;

  Mutex mutex_;
  uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  std::array<Opened, slots> opened_ GUARDED_BY(mutex_){};
  std::unordered_map<std::string, Shared> shared_ GUARDED_BY(mutex_);  // by key
  size_t sweep_at_ GUARDED_BY(mutex_) = 64;  // entries, some of which nobody uses any more
};

}  // namespace penstock
