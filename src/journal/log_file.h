// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/disk.h"
#include "journal/live_records.h"
#include "penstock/result.h"

namespace penstock {

/// The log of a journal that is open. Not thread-safe.
class LogFile {
 public:
  LogFile(std::shared_ptr<Disk> disk, std::string folder)
      : disk_(std::move(disk)), folder_(std::move(folder)) {}

  /// Writes log `number` with nothing but what is live, makes it durable and then the one to append
  /// to; the log before it is removed. Where this fails all is as before, unless `uncertain`
  /// became true: which of the two logs will be found is not known then.
  Result<void> renew(uint64_t number, const LiveRecords& live, const OwnerRecord& owner,
                     bool& uncertain);

  /// Appends, all or nothing. `uncertain`: nothing was to stay, but something may have.
  Result<void> append(std::span<const std::byte> bytes, bool& uncertain);
  Result<void> sync();
  /// Takes away what was appended since the last sync; for when that failed.
  void take_back();

  uint64_t number() const noexcept { return number_; }
  uint64_t salt() const noexcept { return salt_; }
  uint64_t end() const noexcept { return end_; }
  uint64_t durable() const noexcept { return durable_; }

 private:
  std::string path() const;

  const std::shared_ptr<Disk> disk_;
  const std::string folder_;
  DiskFile file_;
  uint64_t number_ = 0;
  uint64_t salt_ = 0;
  uint64_t end_ = 0;
  uint64_t durable_ = 0;
};

}  // namespace penstock
