// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"

namespace penstock::test {

/// Remembers what was said.
class CapturedLog final : public Log {
 public:
  explicit CapturedLog(LogLevel level = LogLevel::info) : Log(level) {}
  std::vector<std::string> lines() const {
    const MutexLock lock(mutex_);
    return lines_;
  }

 protected:
  void write(LogLevel, std::string_view message) override {
    const MutexLock lock(mutex_);
    lines_.emplace_back(message);
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

}  // namespace penstock::test
