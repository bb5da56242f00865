// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "frontend/fuse_ops.h"

namespace penstock {

/// Names that an operation changes. A kernel that looked them up during the change, for a program
/// that did not wait for its end, has to do so again.
class ChangedNames {
 public:
  using Name = std::pair<InodeId, std::string>;
  ChangedNames(FuseContext& context, std::vector<Name> names)
      : context_(&context), names_(std::move(names)) {}

  /// `heard` is what the reply returned.
  void answered(bool heard) const {
    if (heard) return;
    for (const auto& [parent, name] : names_) context_->file_system->name_unheard(parent, name);
  }

 private:
  FuseContext* context_;
  std::vector<Name> names_;
};

/// mkdir, mknod, symlink, link, rmdir, unlink and rename.
void add_name_operations(fuse_lowlevel_ops& operations);

}  // namespace penstock
