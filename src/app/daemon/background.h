// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "app/environment.h"

namespace penstock {

/// How a mount says that it works, or why it does not, to whoever started it. Exactly one of the
/// two is called.
class StartReport {
 public:
  virtual ~StartReport() = default;
  /// False: whoever waited for it is gone, and the mount should end.
  virtual bool ready() = 0;
  /// The mount does not come about; `message` is a sentence for a person.
  virtual void failed(const std::string& message) = 0;
};

/// Runs `serve` in a child process of its own session, with "/" as its directory. Returns in both
/// processes: in the child, when `serve` does, with its result; in the parent as soon as the child
/// has reported, with 0, or with 1 after printing the child's message, also where the child died
/// without one. The process must have one thread only. Standard input, output and error of the
/// child go to /dev/null as soon as it is ready; other descriptors that this process has open are
/// closed there at once.
int run_in_background(const Streams& streams, const std::function<int(StartReport&)>& serve,
                      bool& in_child);

}  // namespace penstock
