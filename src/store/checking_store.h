// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/log.h"
#include "store/forwarding_store.h"
#include "store/range_checks.h"
#include "store/store_metrics.h"

namespace penstock {

/// Checks large objects that are read by ranges, while the bytes pass. A checksum is one of a whole
/// object: it tells when the last range of it has come. The get of that range fails with
/// Code::corrupt where the object's bytes were not those of its CRC32 or CRC32C, before its last
/// bytes are handed on: what came of this version before is to be distrusted, since nobody knows
/// which byte it was. That is counted, and logged with the key.
///
/// What the checksum is the store is asked by one request beside the ranges, for objects above
/// RangeChecks::smallest. Objects without such a checksum, and those of which only parts are read,
/// pass as they come. Stands above retries and hedges: each byte passes once, in order. Thread-safe
/// as `inner`.
class CheckingStore final : public ForwardingStore {
 public:
  /// All must outlive the gets of this store, which end when those of `inner` and `sums` have.
  CheckingStore(ObjectStore& inner, ObjectSums& sums, Scheduler& scheduler,
                std::shared_ptr<Log> log, std::shared_ptr<StoreMetrics> metrics);

  void get(GetRequest request, Done<ObjectInfo> done) override;

 private:
  const std::shared_ptr<RangeChecks> checks_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<StoreMetrics> metrics_;
};

}  // namespace penstock
