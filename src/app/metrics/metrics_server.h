// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <string>

#include "penstock/result.h"

namespace penstock {

/// Answers GET /metrics by HTTP, on two threads of its own. Not thread-safe.
class MetricsServer {
 public:
  /// Listens at `address`, as --metrics-address has it. The error is a sentence for a person.
  static Result<std::unique_ptr<MetricsServer>> listen(const std::string& address);

  /// From now on answers with what `metrics` collects, for as long as that lives.
  void serve(const std::weak_ptr<prometheus::Collectable>& metrics);
  /// Where it is reached.
  std::string url() const;

 private:
  explicit MetricsServer(const std::string& address);

  const std::string host_;
  prometheus::Exposer exposer_;
};

}  // namespace penstock
