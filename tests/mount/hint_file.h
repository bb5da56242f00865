// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {

/// The file of hints of a mount, open as a program has it.
class HintFile {
 public:
  explicit HintFile(const Mounted& mount)
      : file_(open(mount.path(".penstock/prefetch").c_str(), O_WRONLY | O_CLOEXEC)) {
    REQUIRE(file_ >= 0);
  }
  ~HintFile() { close(file_); }
  HintFile(const HintFile&) = delete;
  HintFile& operator=(const HintFile&) = delete;

  /// 0, or the errno.
  int write(std::string_view text) const {
    return ::write(file_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                         : errno;
  }

 private:
  const int file_;
};

/// Of a metric that there is.
inline uint64_t hint_metric(const Mounted& mount, const std::string& name) {
  const std::optional<uint64_t> told = metric(mount, name);
  INFO(name);
  REQUIRE(told);
  return *told;
}
/// Files that were fetched for hints.
inline uint64_t hinted_files(const Mounted& mount) {
  return hint_metric(mount, "penstock_hinted_files_total");
}
/// Names that were passed over.
inline uint64_t ignored_hints(const Mounted& mount) {
  return hint_metric(mount, "penstock_hints_ignored_total");
}

}  // namespace penstock::test
