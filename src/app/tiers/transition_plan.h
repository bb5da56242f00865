// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/tiers/archive_place.h"
#include "base/mutex.h"
#include "penstock/lifecycle_rules.h"

namespace penstock {

/// Whether S3 moves objects from one class (or archive tier of Intelligent-Tiering) to another. A
/// class that AWS does not have may be moved to any, and from any: its server knows.
bool lifecycle_moves(std::string_view from, std::string_view to);

/// The classes of AWS that a rule can move objects to.
bool is_transition_class(std::string_view storage_class);
std::string transition_classes();  ///< For messages.

/// The days for which AWS bills an object of the class at least; 0: none are known.
uint32_t least_days(std::string_view storage_class);

/// When a rule gets hold of an object that was modified then (ns since the epoch): at midnight UTC
/// after so many days.
int64_t transition_due_ns(int64_t modified_ns, uint32_t older_than);

/// What a rule would do with what is there now. Thread-safe.
class TransitionPlan {
 public:
  struct Sum {
    uint64_t objects = 0;
    uint64_t bytes = 0;
  };
  /// Objects of one class that have the same fate.
  struct Row {
    enum class Fate : uint8_t { now, later, small, never, there };
    std::string place;  ///< The class, or the archive tier.
    Fate fate = Fate::now;
    Sum sum;
  };

  /// `now_ns`: since the epoch.
  TransitionPlan(TransitionRule rule, int64_t now_ns) : rule_(std::move(rule)), now_ns_(now_ns) {}

  void found(const ArchiveLook& look, uint64_t bytes) EXCLUDES(mutex_);
  uint64_t objects() const EXCLUDES(mutex_);

  /// `small_objects` is LifecycleConfiguration's: where it is empty AWS's own default is assumed.
  std::vector<Row> rows(std::string_view small_objects) const EXCLUDES(mutex_);
  const TransitionRule& rule() const { return rule_; }

 private:
  /// Of one class: by whether it is small, and whether it is due.
  using Sums = std::array<std::array<Sum, 2>, 2>;

  const TransitionRule rule_;
  const int64_t now_ns_;
  mutable Mutex mutex_;
  uint64_t objects_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, Sums> classes_ GUARDED_BY(mutex_);
};

/// For people: the rows as a table, and what the moves cost; several lines.
std::string plan_text(const TransitionPlan& plan, std::string_view small_objects, bool exact);

}  // namespace penstock
