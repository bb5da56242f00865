// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "journal/live_records.h"

namespace penstock {

/// What a log says.
struct Replay {
  enum class Outcome : uint8_t { good, unknown_version, unreadable };
  Outcome outcome = Outcome::unreadable;
  std::string problem;  ///< Where not good: what is the matter, to come after the log's name.

  OwnerRecord owner;
  LiveRecords live;
  uint64_t salt = 0;
  uint64_t end = 0;           ///< Behind the last record that counts.
  bool damaged = false;       ///< Records were lost that were once durable; files are marked.
  uint64_t next_file = 1;     ///< No record names a file from here on,
  uint64_t next_segment = 1;  ///< nor a segment.
};

/// Never fails because of what is in `log`; see Replay::outcome.
Replay replay_log(std::span<const std::byte> log, const SegmentSource& source);

}  // namespace penstock
