// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup_limit.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

namespace fs = std::filesystem;

/// A mounted hierarchy of groups that can limit memory: all of version 2, or one of version 1.
struct Hierarchy {
  bool second = false;
  std::string root;  ///< The group that the mount shows at its top; containers see only theirs.
  std::string mountpoint;
};

bool has_word(std::string_view list, std::string_view word) {
  while (true) {
    const size_t end = list.find(',');
    if (list.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

/// "36 25 0:30 /top /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
std::optional<Hierarchy> parse_mount(const std::string& line) {
  std::istringstream words(line);
  std::string ignored;
  Hierarchy found;
  if (!(words >> ignored >> ignored >> ignored >> found.root >> found.mountpoint))
    return std::nullopt;
  while (words >> ignored && ignored != "-") {
  }
  std::string type;
  std::string options;
  words >> type >> ignored >> options;
  found.second = type == "cgroup2";
  if (!found.second && (type != "cgroup" || !has_word(options, "memory"))) return std::nullopt;
  return found;
}

/// This process's group in the hierarchy, as /proc/self/cgroup names it:
/// "HIERARCHY:CONTROLLERS:GROUP", version 2 without controllers.
std::optional<std::string> group_in(const Hierarchy& hierarchy, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    if (hierarchy.second ? controllers.empty() : has_word(controllers, "memory"))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

uint64_t read_number(const fs::path& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : UINT64_MAX;  // "max" is no number
}

/// Version 1 tells there what the groups above allow, also those that a container does not see.
uint64_t read_inherited(const fs::path& path) {
  std::ifstream file(path);
  std::string name;
  uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "hierarchical_memory_limit") return value;
  }
  return UINT64_MAX;
}

uint64_t limit_in(const Hierarchy& hierarchy, const std::string& root) {
  std::optional<std::string> group = group_in(hierarchy, root);
  if (!group) return UINT64_MAX;
  // With a namespace of its own a container's groups begin at the mount's top.
  const bool below = hierarchy.root != "/" && group->starts_with(hierarchy.root);
  fs::path at = below ? group->substr(hierarchy.root.size()) : *group;
  if (hierarchy.root != "/" && !below) at = "/";
  const fs::path top = root + hierarchy.mountpoint;
  uint64_t limit = UINT64_MAX;
  for (;; at = at.parent_path()) {
    const fs::path folder = top / at.relative_path();
    limit =
        std::min(limit, hierarchy.second ? read_number(folder / "memory.max")
                                         : std::min(read_number(folder / "memory.limit_in_bytes"),
                                                    read_inherited(folder / "memory.stat")));
    if (!at.has_relative_path()) return limit;
  }
}

}  // namespace

uint64_t cgroup_memory_limit(const std::string& root) {
  uint64_t limit = UINT64_MAX;
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (const std::optional<Hierarchy> hierarchy = parse_mount(line))
      limit = std::min(limit, limit_in(*hierarchy, root));
  }
  return limit;
}

}  // namespace penstock
