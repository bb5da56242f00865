// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/result.h"

namespace penstock {

/// One operation of a program, as a line of the access log has it: docs/access-log.md. What an
/// operation does not have is empty, absent or 0, and then not in the line.
struct AccessRecord {
  int64_t began_us = 0;  ///< Since the epoch.
  int64_t took_us = 0;
  std::string
      operation;  ///< As name_of(FileOperation) has it, or "mount", "release", "releasedir".
  /// From the mountpoint, without a slash at its begin; empty: the mountpoint itself. Absent where
  /// the file had no name any more. Any bytes.
  std::optional<std::string> path;
  std::string to;       ///< The new name of a rename or link; what a symbolic link says.
  uint64_t handle = 0;  ///< Tells what belongs to one open. Files and directories count apart.
  std::string flags;    ///< Of an open: "r", "w" or "rw", then "+trunc", "+excl"; of a rename.
  std::optional<uint64_t> offset;
  std::optional<uint64_t> size;   ///< Bytes asked for; the new size of a setattr.
  std::optional<uint64_t> bytes;  ///< Bytes that a read got.
  std::optional<uint32_t> mode;   ///< Permission bits that are to be set.
  int error = 0;                  ///< The errno of the answer.
};

/// One line of JSON, with its line end. A name that is not UTF-8 stands there twice: readable, with
/// what is no character replaced, and exactly, in hexadecimal digits.
std::string to_line(const AccessRecord& record);

/// The same back, out of a line with or without its end. Unknown fields are passed over. corrupt
/// where it is no such line, or says what no mount would: a path that leads out of the mount, a
/// read of more than `largest_access`.
Result<AccessRecord> parse_access_line(std::string_view line);

/// The kernel asks for at most 1 MiB at once.
constexpr uint64_t largest_access = 64ULL << 20;

}  // namespace penstock
