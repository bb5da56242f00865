// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

#include "app/environment.h"
#include "app/pid_file.h"
#include "app/progress_line.h"

namespace penstock {

/// Tells what `penstock umount` waits for. What was said is not said again, but for a terminal's
/// last line, which is written over.
class WaitReport {
 public:
  /// `process` and `out` must outlive it.
  WaitReport(const MountProcess& process, std::string mountpoint, std::ostream& out,
             const Environment& environment);

  void show();
  /// What others write next begins at the left.
  void finish() { line_.finish(); }

 private:
  void say_copies();
  std::string waiting_text() const;

  const MountProcess& process_;
  const std::string device_;
  const std::string mountpoint_;
  const bool terminal_;
  const std::string proc_;
  ProgressLine line_;
  std::string shown_;
  bool copies_said_ = false;
};

}  // namespace penstock
