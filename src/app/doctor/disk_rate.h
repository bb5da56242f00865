// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace penstock {

/// How fast a disk writes and reads one file.
struct DiskRate {
  double write = 0;  ///< Bytes per second, until they are on the disk.
  double read = 0;
  bool direct = false;  ///< Past the page cache; else the reading may have come from memory.
  std::string problem;  ///< Why it was not measured; empty: it was.
};

/// Measures in `directory` with a file without a name, which is gone with this process whatever
/// happens: 64 MiB, or what is written in a second. Blocks on the disk.
DiskRate measure_disk(const std::string& directory);

}  // namespace penstock
