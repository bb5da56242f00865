// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/test_server.h"

namespace penstock::test {

enum class FaultKind : uint8_t {
  none,
  error,
  reset,
  reset_mid,
  truncate,
  stall,
  stall_mid,
  hang,
  corrupt,
  error_in_200,
  lost_reply,
  wrong_etag,
  delay,
};

/// Fault::kind, parsed.
struct FaultAction {
  FaultKind kind = FaultKind::none;
  std::optional<uint64_t> number;  ///< Status, bytes or milliseconds.
  std::string code;
};

/// Throws std::invalid_argument on a kind that does not exist.
FaultAction parse_fault_kind(const std::string& kind);

/// The faults that were ordered and how often each still happens. Thread-safe.
class FaultTable {
 public:
  explicit FaultTable(uint32_t seed) : random_(seed) {}

  void add(Fault fault) EXCLUDES(mutex_);
  void clear() EXCLUDES(mutex_);
  /// Uses up one occurrence of the first fault that matches.
  FaultAction take(const std::string& operation, const std::string& key) EXCLUDES(mutex_);
  /// How often each kind was taken.
  std::map<std::string, uint64_t> taken() const EXCLUDES(mutex_);
  void reset_taken() EXCLUDES(mutex_);

 private:
  struct Entry {
    Fault fault;
    FaultAction action;
  };

  mutable Mutex mutex_;
  std::map<std::string, uint64_t> taken_ GUARDED_BY(mutex_);
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  std::mt19937 random_ GUARDED_BY(mutex_);
};

}  // namespace penstock::test
