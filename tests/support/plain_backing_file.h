// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include "penstock/backing_file.h"

namespace penstock::test {

/// A descriptor as a backing file, closed with it.
class PlainBackingFile final : public BackingFile {
 public:
  explicit PlainBackingFile(int fd) noexcept : fd_(fd) {}
  ~PlainBackingFile() override { close(fd_); }
  PlainBackingFile(const PlainBackingFile&) = delete;
  PlainBackingFile& operator=(const PlainBackingFile&) = delete;

  int fd() const noexcept override { return fd_; }

 private:
  const int fd_;
};

}  // namespace penstock::test
