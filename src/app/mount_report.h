// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fs/make_file_system.h"

namespace penstock {

/// A tree that is read file by file, while its other files are fetched ahead.
struct EpochState {
  std::string directory;  ///< Path in the mount, from "/" on.
  uint64_t fetched = 0;   ///< Files that were fetched ahead.
  uint64_t read = 0;      ///< Of these those that a program has read since.
};

/// What a mount's process tells `penstock status` over its ReportSocket:
///
///     report := { "rename" SP ("copying" | "deleting" | "undoing") SP done SP objects SP from SP
///     to
///                 LF | "unstored" SP ("open" | "closed") SP size SP path LF }
///               [ "epoch" SP fetched SP read SP directory LF ] "end" LF
///
/// Keys and paths are percent-encoded.
struct MountReport {
  std::vector<RenameState> renames;    ///< Of several objects, under way.
  std::vector<UnstoredFile> unstored;  ///< What no journal has.
  std::optional<EpochState> epoch = std::nullopt;
};

std::string encode(const MountReport& report);
/// Nothing where `text` is not a whole report.
std::optional<MountReport> decode_mount_report(const std::string& text);

const char* name_of(RenameState::Phase phase);

}  // namespace penstock
