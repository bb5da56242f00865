// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulation/oracle.h"

namespace penstock::sim {

inline bool below(const std::string& path, const std::string& directory) {
  return directory.empty() || (path.size() > directory.size() && path.starts_with(directory) &&
                               path[directory.size()] == '/');
}

inline std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

inline std::string name_of(PathState::Kind kind) {
  return kind == PathState::Kind::absent ? "absent"
         : kind == PathState::Kind::file ? "file"
                                         : "directory";
}

inline std::string shown(const std::string& bytes) {
  return fmt::format("{} bytes '{}'", bytes.size(), bytes.substr(0, 96));
}

inline std::string piece(const std::string& content, uint64_t offset, size_t size) {
  return offset >= content.size() ? std::string() : content.substr(offset, size);
}

inline void write_into(std::string& content, uint64_t at, const std::string& bytes) {
  if (content.size() < at + bytes.size()) content.resize(at + bytes.size(), '\0');
  content.replace(at, bytes.size(), bytes);
}

/// The path that a copy of what lost a conflict was made for.
inline std::string without_conflict(const std::string& path) {
  return path.substr(0, path.find(".conflict-"));
}

}  // namespace penstock::sim
