// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "penstock/lifecycle_rules.h"
#include "store/retry_call.h"

namespace penstock {

/// Repeats what failed for reasons that pass, as RetryingStore does for objects, and counts each
/// try. A write may be repeated: it says what all of the rules shall be.
class RetryingLifecycle final : public LifecycleRules {
 public:
  /// `inner` must outlive it, and so must what `shared` refers to.
  RetryingLifecycle(LifecycleRules& inner, std::shared_ptr<RetryShared> shared)
      : inner_(inner), shared_(std::move(shared)) {}
  ~RetryingLifecycle() override { shared_->stop_and_wait(); }

  void read(Done<LifecycleConfiguration> done) override;
  void put(const LifecycleConfiguration& read, TransitionRule rule, Done<void> done) override;
  void remove(const LifecycleConfiguration& read, const std::vector<std::string>& ids,
              Done<void> done) override;

 private:
  LifecycleRules& inner_;
  const std::shared_ptr<RetryShared> shared_;
};

}  // namespace penstock
