// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/log.h"

namespace penstock {

/// The log that RecordedFileSystem writes to: each message of the level info is a line of JSON and
/// is written as it is; what the log itself has to say (lines that were lost) becomes a field
/// "remark". New lines are put behind those that `file` has; readable by its owner alone, for it
/// tells the names of files. Throws std::runtime_error where it cannot be opened.
std::shared_ptr<Log> open_access_log(const std::string& file);

}  // namespace penstock
