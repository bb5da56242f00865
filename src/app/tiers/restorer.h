// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "app/tiers/archive_place.h"
#include "app/tiers/restore_report.h"
#include "app/warm/file_spool.h"

namespace penstock {

/// Restores files, however many: finds those that are archived, asks for each, and looks again and
/// again until all can be read. What is not done yet lies in temporary files, not in memory.
class Restorer {
 public:
  /// `tick` is called several times a second while the work goes on.
  Restorer(ArchivePlace& place, RestoreReport& report, RestoreWish wish,
           std::function<void()> tick);

  /// Lists everything; the report knows then what there is to do.
  void survey();
  /// Asks for what is archived.
  void ask();
  /// Returns when what was asked for, and what was being restored, can be read or has failed.
  void wait();

 private:
  using Source = std::function<void(const WarmVisitor& visit)>;

  Source all_of(FileSpool& spool);
  void note(const WarmFile& file, const ArchiveLook& look);
  void keep(FileSpool& spool, const WarmFile& file);
  void look_again(const WarmFile& file, FileSpool& still);
  void pause(std::chrono::milliseconds time);

  ArchivePlace& place_;
  RestoreReport& report_;
  const RestoreWish wish_;
  const std::function<void()> tick_;
  std::unique_ptr<FileSpool> archived_ = std::make_unique<FileSpool>();
  std::unique_ptr<FileSpool> awaited_ = std::make_unique<FileSpool>();
};

}  // namespace penstock
