// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/open_archive.h"

#include <fmt/format.h>

#include <utility>

#include "app/directories.h"
#include "app/tiers/mounted_archive.h"
#include "app/tiers/stored_archive.h"
#include "app/warm/mounted_paths.h"
#include "app/wrong.h"

namespace penstock {

Result<std::unique_ptr<ArchivePlace>> open_archive(const CommandArguments& arguments,
                                                   const ArchiveGiven& given,
                                                   const Environment& environment) {
  const std::vector<std::string>& paths = arguments.positional;
  if (paths.empty()) {
    return wrong(fmt::format("what shall be {}? penstock {} /mnt/data/file, or s3://BUCKET/KEY",
                             given.done, given.command));
  }
  if (paths[0].find("://") == std::string::npos) {
    Result<std::vector<WarmRequest::Path>> mounted =
        mounted_paths(paths, environment,
                      fmt::format("without a mount: penstock {} s3://BUCKET/KEY", given.command));
    if (!mounted) return mounted.error();
    return std::unique_ptr<ArchivePlace>(std::make_unique<MountedArchive>(
        WarmRequest{.paths = std::move(*mounted), .recursive = given.recursive, .manifest = {}}));
  }
  if (paths.size() != 1) return wrong(fmt::format("one URL can be {} at a time", given.done));
  StoreOptions options = arguments.options.store;
  options.url = paths[0];
  Result<std::unique_ptr<StoredArchive>> objects = StoredArchive::open(
      options, {.recursive = given.recursive, .only_classes = given.only_classes},
      default_state_directory(environment), Log::to_file("", LogLevel::warning));
  if (!objects) return objects.error();
  return std::unique_ptr<ArchivePlace>(std::move(*objects));
}

}  // namespace penstock
