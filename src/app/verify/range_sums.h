// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "penstock/object_sums.h"

namespace penstock {

/// Reads ranges of one version of an object, several at a time, and computes the checksum of each;
/// the bytes are not kept. For one thread; ends what is under way when it is destroyed.
class RangeSums {
 public:
  using Slots = std::counting_semaphore<>;
  struct Parts {
    ObjectStore& store;
    Slots& slots;  ///< How many requests more there may be; shared by many of these.
    /// Told of bytes as they come, on threads of the store; must not block.
    std::function<void(uint64_t bytes)> read;
  };

  /// What `parts` refers to must outlive it.
  RangeSums(const Parts& parts, const ObjectInfo& object, ChecksumKind kind);
  RangeSums(const RangeSums&) = delete;
  RangeSums& operator=(const RangeSums&) = delete;
  ~RangeSums();

  /// Waits for a slot, then reads in the background. An empty range is no request. False where a
  /// range has failed: no more need be begun.
  bool begin(ByteRange range);
  /// Waits for all; their checksums in the order of begin(), as raw bytes, or what failed first.
  Result<std::vector<std::string>> finish();

 private:
  class State;

  const Parts parts_;
  const std::string key_;
  const ETag etag_;
  const ChecksumKind kind_;
  const std::shared_ptr<State> state_;
};

}  // namespace penstock
