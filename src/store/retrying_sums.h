// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "penstock/object_sums.h"
#include "store/retry_call.h"

namespace penstock {

/// Repeats what failed for reasons that pass, as RetryingStore does for objects, and counts each
/// try as a HEAD.
class RetryingSums final : public ObjectSums {
 public:
  /// `inner` must outlive it, and so must what `shared` refers to.
  RetryingSums(ObjectSums& inner, std::shared_ptr<RetryShared> shared)
      : inner_(inner), shared_(std::move(shared)) {}
  RetryingSums(const RetryingSums&) = delete;
  RetryingSums& operator=(const RetryingSums&) = delete;
  ~RetryingSums() override { shared_->stop_and_wait(); }

  void look(HeadRequest request, Done<ObjectSum> done) override;
  void look_at_part(PartSumRequest request, Done<PartSum> done) override;

 private:
  /// `ask` is the method of `inner_` that sends such a request.
  template <typename T, typename Request>
  void repeat(Request request, void (ObjectSums::*ask)(Request, Done<T>), Done<T> done);

  ObjectSums& inner_;
  const std::shared_ptr<RetryShared> shared_;
};

}  // namespace penstock
