// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/open_modes.h"
#include "penstock/file_system.h"

namespace penstock {

/// The answer to one readdir: entries as the kernel reads them, with the references that it gets by
/// them. Not thread-safe.
class DirectoryAnswer {
 public:
  /// Packs as many of `entries` as fit into `size` bytes. References of the others are given back:
  /// `forget` gets the inode, once for each. With `plus` entries carry attributes.
  DirectoryAnswer(const std::vector<DirectoryEntry>& entries, size_t size, bool plus,
                  OpenModes& modes, std::function<void(InodeId)> forget);

  const std::string& bytes() const { return bytes_; }

  /// The kernel did not get it: all references are given back. Once.
  void take_back();

 private:
  /// How many bytes the entry takes; 0: it does not fit.
  size_t add(const DirectoryEntry& entry, NodeId node, size_t used, bool plus);

  OpenModes& modes_;
  const std::function<void(InodeId)> forget_;
  std::string bytes_;
  std::vector<NodeId> referenced_;
};

}  // namespace penstock
