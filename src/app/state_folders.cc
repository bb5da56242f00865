// SPDX-License-Identifier: Apache-2.0
#include "app/state_folders.h"

#include <string>

#include "app/configured.h"
#include "app/directories.h"

namespace penstock {

Result<std::vector<StateFolders>> state_folders_of(const Options& options,
                                                   const Environment& environment) {
  const auto folders = [&](const Options& o) {
    return StateFolders{
        .journals = journal_directory(o.write.journal_dir, o.cache.directory, environment),
        .state =
            o.write.state_dir.empty() ? default_state_directory(environment) : o.write.state_dir};
  };
  std::vector<StateFolders> all{folders(options)};
  const Result<Configuration> configuration = read_configuration(options.config.file, environment);
  if (!configuration) return configuration.error();
  for (const std::string& name : configuration->mounts()) {
    // One without a source is mounted by nobody.
    const Result<EffectiveOptions> mount =
        configuration->options({.mount = name, .preset = {}, .built_in = {}, .wanted = {}});
    if (mount) all.push_back(folders(mount->options));
  }
  return all;
}

}  // namespace penstock
