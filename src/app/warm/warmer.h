// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "app/warm/file_spool.h"
#include "app/warm/warm_place.h"
#include "app/warm/warm_queue.h"
#include "app/warm/warm_report.h"

namespace penstock {

/// Fetches files into the cache: finds them, reads what is missing with several readers at once,
/// then looks whether the cache has kept it, and reads again what it has not.
class Warmer {
 public:
  /// `tick` is called several times a second while the work goes on.
  Warmer(WarmPlace& place, WarmReport& report, uint32_t readers, std::function<void()> tick)
      : place_(place), report_(report), readers_(readers), tick_(std::move(tick)) {}

  /// Returns when all that could be kept is in the cache, or when there is no cache.
  void run();

 private:
  using Source = std::function<void(const WarmVisitor& visit)>;
  /// The files are read, unless the cache has them, and noted in `read` for the next pass.
  struct Pass {
    bool first = true;  ///< Else they were read before, and may be on their way to the disk.
    bool last = false;  ///< What is not there now is not kept.
    FileSpool& read;
  };

  void run_pass(const Pass& pass, const Source& source);
  void work(const Pass& pass, WarmQueue& queue);
  void begin(const Pass& pass, WarmQueue& queue, const std::shared_ptr<WarmJob>& job,
             std::span<std::byte> scratch);
  void read_piece(const Pass& pass, const WarmPiece& piece, std::span<std::byte> scratch);
  bool kept_already(const Pass& pass, WarmQueue& queue, const WarmFile& file);
  Result<CacheShare> settled_share(const WarmFile& file);

  WarmPlace& place_;
  WarmReport& report_;
  const uint32_t readers_;
  const std::function<void()> tick_;
  std::atomic<uint64_t> large_files_{0};  // that are being read
  std::atomic<uint64_t> missing_{0};      // bytes that a pass found not to be in the cache
};

}  // namespace penstock
