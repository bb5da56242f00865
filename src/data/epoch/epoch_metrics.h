// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/metrics.h"

namespace penstock {

/// Of what was fetched ahead of programs. Thread-safe.
struct EpochMetrics {
  Count files;
  Count bytes;
  Count read_files;  ///< Of `files`: those that a program has read since.
  Count read_bytes;
  Count hinted_names;   ///< That programs have said they will read.
  Count hints_ignored;  ///< Of these: no file in the mount, too large, or could not be fetched.
  Count hints_late;     ///< Of these: a program had opened the file by itself before its turn.
  Count hinted_files;   ///< Files that were fetched for them; beside `files`.
  Count hinted_bytes;
};

}  // namespace penstock
