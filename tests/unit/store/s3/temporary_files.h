// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temp_dir.h"

namespace penstock::test {

/// A folder of its own that goes with it.
class TemporaryFiles {
 public:
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  /// As programs replace a file: another inode, so that the change shows whatever the clock's tick.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name + ".new")) << text;
    std::filesystem::rename(path(name + ".new"), path(name));
  }

 private:
  TempDir directory_;
};

}  // namespace penstock::test
