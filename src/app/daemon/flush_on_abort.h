// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"

namespace penstock {

/// Has a process that aborts, because nobody catches an exception or what must hold does not, write
/// what was said to a log before. `log` must outlive it. At most one in a process, for that is what
/// a signal's action belongs to.
class FlushOnAbort {
 public:
  explicit FlushOnAbort(const Log& log);
  ~FlushOnAbort();
  FlushOnAbort(const FlushOnAbort&) = delete;
  FlushOnAbort& operator=(const FlushOnAbort&) = delete;
};

}  // namespace penstock
