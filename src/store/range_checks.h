// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bounded_map.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "penstock/object_store.h"
#include "penstock/object_sums.h"
#include "store/crc_chains.h"

namespace penstock {

/// What is known of one version of a large object while its ranges come. Thread-safe.
///
///   unasked --enough of it was asked for--> asking --the store has a CRC of it--> known
///      ^-------the store did not answer-------┴-----------it has none-----------> hopeless
class CheckedVersion {
 public:
  explicit CheckedVersion(uint64_t size) : chains_(size) {}

  /// A get of `length` bytes has begun. True once: whoever calls asks the store for the checksum,
  /// and calls learn().
  [[nodiscard]] bool begin(uint64_t length) EXCLUDES(mutex_);
  /// No get of it needs to be looked at.
  bool hopeless() const EXCLUDES(mutex_);
  /// The kind of the object's checksum, where it is known.
  std::optional<ChecksumKind> kind() const EXCLUDES(mutex_);

  /// Calls who waits in when_known.
  void learn(const Result<ObjectSum>& sum, const ETag& etag) EXCLUDES(mutex_);

  enum class Verdict : uint8_t {
    open,   ///< Not all of the object came yet, or nobody knows what it must be.
    right,  ///< All of it came, as it was stored.
    wrong,  ///< All of it came, and some byte is another one.
    later,  ///< All of it came; when_known tells.
  };
  struct Finding {
    Verdict verdict = Verdict::open;
    RangeCrcs whole{};  ///< Of `later`: for when_known.
  };
  /// A range came as a whole.
  Finding add(ByteRange range, const RangeCrcs& crcs) EXCLUDES(mutex_);
  /// Calls `told`, perhaps before it returns, with what came of the question to the store.
  void when_known(const RangeCrcs& whole, Callback<void(Verdict)> told) EXCLUDES(mutex_);

 private:
  enum class State : uint8_t { unasked, asking, known, hopeless };
  struct Waiting {
    RangeCrcs whole;
    Callback<void(Verdict)> told;
  };
  Verdict judge(const RangeCrcs& whole) REQUIRES(mutex_);

  mutable Mutex mutex_;
  State state_ GUARDED_BY(mutex_) = State::unasked;
  uint64_t begun_ GUARDED_BY(mutex_) = 0;  ///< Bytes that were asked for.
  CrcChains chains_ GUARDED_BY(mutex_);
  size_t kind_ GUARDED_BY(mutex_) = 0;  ///< Of range_crc_kinds; while known.
  uint64_t value_ GUARDED_BY(mutex_) = 0;
  std::vector<Waiting> waiting_ GUARDED_BY(mutex_);
};

/// The versions of large objects whose ranges came last. Thread-safe.
class RangeChecks : public std::enable_shared_from_this<RangeChecks> {
 public:
  /// Smaller objects are not looked at: for those one more request would be many.
  static constexpr uint64_t smallest = 8ULL << 20;
  /// So much of an object must have been asked for before the store is asked for its checksum.
  static constexpr uint64_t worth_asking = 8ULL << 20;
  /// How long the end of an object waits for an answer to that.
  static constexpr std::chrono::seconds patience{5};
  static constexpr size_t most_versions = 256;

  /// `sums` and `scheduler` must outlive all gets.
  RangeChecks(ObjectSums& sums, Scheduler& scheduler) : sums_(sums), scheduler_(scheduler) {}

  /// A get of `length` bytes of `object` begins to be answered. Null where its bytes need no look.
  /// May ask the store for the object's checksum.
  std::shared_ptr<CheckedVersion> begin(const std::string& key, const ObjectInfo& object,
                                        uint64_t length) EXCLUDES(mutex_);

 private:
  void ask(const std::string& key, const ETag& etag, std::shared_ptr<CheckedVersion> version);

  ObjectSums& sums_;
  Scheduler& scheduler_;
  Mutex mutex_;
  BoundedMap<std::string, std::shared_ptr<CheckedVersion>> versions_ GUARDED_BY(mutex_){
      most_versions};
};

}  // namespace penstock
