// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/environment.h"
#include "app/tiers/archive_place.h"
#include "config/command_parse.h"

namespace penstock {

/// How a command opens what it was given.
struct ArchiveGiven {
  std::string command;     ///< "restore".
  std::string done;        ///< "restored": for messages.
  bool recursive = false;  ///< All that lies below the paths, or the URL.
  /// Of a URL: only classes and times count, not what was restored, and there may be nothing.
  bool only_classes = false;
};

/// Paths in mounts, or one URL. The error is a sentence for a person.
Result<std::unique_ptr<ArchivePlace>> open_archive(const CommandArguments& arguments,
                                                   const ArchiveGiven& given,
                                                   const Environment& environment);

}  // namespace penstock
