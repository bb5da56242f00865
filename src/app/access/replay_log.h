// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "app/access/access_record.h"
#include "penstock/result.h"

namespace penstock {

/// The operations of an access log in the order in which they began; the file has them in that in
/// which they ended. Keeps 16 bytes for each. Not thread-safe.
class ReplayLog {
 public:
  /// Reads all of `file`. Errors are sentences for a person: it cannot be read, has no operation,
  /// or what is wrong in which line. The last line may be cut off, as a mount that was killed
  /// leaves it.
  static Result<ReplayLog> open(const std::string& file);

  size_t size() const noexcept { return places_.size(); }
  /// Lines that the log says were lost, or that its last one was cut off: a remark each.
  const std::vector<std::string>& remarks() const noexcept { return remarks_; }
  /// The operation that began as number `index`, from 0 on. The error is a sentence, too: the file
  /// was changed.
  Result<AccessRecord> read(size_t index);

 private:
  struct Place {
    int64_t began_us = 0;
    uint64_t offset = 0;
  };

  explicit ReplayLog(std::string file);
  Result<void> read_places();

  std::string file_;
  std::ifstream stream_;
  std::vector<Place> places_;
  std::vector<std::string> remarks_;
};

}  // namespace penstock
