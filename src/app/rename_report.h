// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "fs/make_file_system.h"

namespace penstock {

/// The renames that a mount is at, in a file beside its PidFile, for `penstock status`:
///
///     file := { ("copying" | "deleting" | "undoing") SP done SP objects SP from SP to LF }
///
/// Keys are percent-encoded. There is no file where there is no rename.
std::string rename_report_path(const std::string& pid_file);
/// Replaces the file; what cannot be written is not told.
void write_rename_report(const std::string& path, const std::vector<RenameState>& renames);
std::vector<RenameState> read_rename_report(const std::string& path);

const char* name_of(RenameState::Phase phase);

}  // namespace penstock
