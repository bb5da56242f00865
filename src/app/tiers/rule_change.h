// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "penstock/lifecycle_rules.h"

namespace penstock {

/// What is to become of a bucket's rules: one of Penstock's is written, or some are taken away.
struct RuleChange {
  std::optional<TransitionRule> put;
  std::vector<std::string> removed;  ///< Ids.
};

/// What the bucket has after a change.
struct RuleOutcome {
  bool done = false;  ///< The change is there.
  LifecycleConfiguration now;
  /// What somebody else did to the other rules meanwhile, or the server by itself.
  std::vector<std::string> differences;
};

/// The bucket's rules, or a sentence for a person.
Result<LifecycleConfiguration> read_rules(LifecycleRules& rules);

/// Makes the change in what was `seen` a moment ago, and reads the rules again until it is there,
/// a few times at most: AWS may take a moment. `pause` waits that long. The error is a sentence for
/// a person.
Result<RuleOutcome> change_rules(LifecycleRules& rules, const LifecycleConfiguration& seen,
                                 const RuleChange& change,
                                 const std::function<void(std::chrono::milliseconds)>& pause);

}  // namespace penstock
