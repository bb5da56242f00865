// SPDX-License-Identifier: Apache-2.0
#include "app/progress_line.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds terminal_every{200};
constexpr milliseconds lines_every{3000};
constexpr const char* erase_line = "\r\033[K";

}  // namespace

bool ProgressLine::due() {
  const MutexLock lock(mutex_);
  return steady_clock::now() - last_ >= (terminal_ ? terminal_every : lines_every);
}

void ProgressLine::show(const std::string& text) {
  const MutexLock lock(mutex_);
  last_ = steady_clock::now();
  clear();
  out_ << text;
  if (!terminal_) out_ << "\n";
  out_.flush();
  shown_ = terminal_;
}

void ProgressLine::say(const std::string& text) {
  const MutexLock lock(mutex_);
  clear();
  out_ << text << std::endl;
}

void ProgressLine::finish() {
  const MutexLock lock(mutex_);
  clear();
  out_.flush();
}

void ProgressLine::clear() {
  if (shown_) out_ << erase_line;
  shown_ = false;
}

}  // namespace penstock
