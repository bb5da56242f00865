// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/mutex.h"
#include "data/link_estimate.h"
#include "data/read/file_ends.h"
#include "data/read/read_engine.h"
#include "data/read/shed_order.h"

namespace penstock {

/// What the readers of a mount share: parts, options, the link, the division of the window, and the
/// order in which they give up memory. Thread-safe.
class ReadCore : public std::enable_shared_from_this<ReadCore> {
 public:
  ReadCore(ReadEngineParts parts_given, const ReadOptions& options_given)
      : parts(std::move(parts_given)), options(options_given), link(options_given.fetch_size) {}

  const ReadEngineParts parts;
  const ReadOptions options;
  LinkEstimate link;
  NamesOfFormats names;

  /// How far ahead one of the streams that are active now may fetch.
  uint64_t stream_target() const;
  /// The part of `bytes` for a reader that has `own` of the streams that are active now.
  uint64_t share(uint64_t bytes, int32_t own) const noexcept;
  /// A reader has that many more (or fewer) streams that move.
  void count_streams(int32_t change) noexcept { streams_ += change; }

  void add(const std::shared_ptr<Shedder>& reader) EXCLUDES(mutex_);
  void remove(const Shedder& reader) { order_.remove(reader); }
  /// See ShedOrder.
  void used(const Shedder& reader) { order_.used(reader); }
  /// Makes the readers give up about `wanted` bytes, first those that have not read for longest.
  void reclaim(uint64_t wanted) { order_.reclaim(wanted); }
  /// Where somebody waits for memory: the same, and at least a sixteenth of the limit at once.
  void relieve(uint64_t wanted = 0);

 private:
  void sweep_later();
  void sweep() EXCLUDES(mutex_);

  std::atomic<int32_t> streams_ = 0;
  ShedOrder order_;
  Mutex mutex_;
  bool sweeping_ GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
