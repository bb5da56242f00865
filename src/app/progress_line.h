// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "base/mutex.h"

namespace penstock {

/// Says how far a long command is: on a terminal one line that is written over, elsewhere a line
/// every few seconds. Thread-safe.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { finish(); }

  /// True where show() would write something now.
  bool due() EXCLUDES(mutex_);
  void show(const std::string& text) EXCLUDES(mutex_);
  /// A line that stays.
  void say(const std::string& text) EXCLUDES(mutex_);
  /// Takes the line away; what others write next begins at the left.
  void finish() EXCLUDES(mutex_);

 private:
  void clear() REQUIRES(mutex_);

  std::ostream& out_;
  const bool terminal_;
  Mutex mutex_;
  bool shown_ GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point last_ GUARDED_BY(mutex_) = std::chrono::steady_clock::now();
};

}  // namespace penstock
