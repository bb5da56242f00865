// SPDX-License-Identifier: Apache-2.0
#include "app/warm/mounted_paths.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "app/mount_table.h"
#include "app/wrong.h"

namespace penstock {

Result<std::vector<WarmRequest::Path>> mounted_paths(const std::vector<std::string>& given,
                                                     const Environment& environment,
                                                     std::string_view instead) {
  std::vector<WarmRequest::Path> paths;
  const std::vector<MountEntry> table = read_mount_table(environment.proc);
  for (const std::string& each : given) {
    std::string path = canonical_path(each, environment.working_directory);
    const std::optional<MountEntry> mount = mount_holding(table, path);
    if (!mount || !mount->is_penstock())
      return wrong(fmt::format("{} lies in no mount of Penstock's; {}", path, instead));
    paths.push_back({.path = std::move(path), .mount = device_number(mount->device)});
  }
  return paths;
}

}  // namespace penstock
