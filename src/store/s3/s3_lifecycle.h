// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/lifecycle_rules.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// The lifecycle rules of a session's bucket. One operation is one request, as S3Store's are.
class S3Lifecycle final : public LifecycleRules {
 public:
  /// `session` must outlive it.
  explicit S3Lifecycle(S3Session& session) : session_(session) {}

  void read(Done<LifecycleConfiguration> done) override;
  void put(const LifecycleConfiguration& read, TransitionRule rule, Done<void> done) override;
  void remove(const LifecycleConfiguration& read, const std::vector<std::string>& ids,
              Done<void> done) override;

 private:
  /// An empty document: no rules.
  void write(const LifecycleConfiguration& read, std::string document, Done<void> done);

  S3Session& session_;
};

}  // namespace penstock
