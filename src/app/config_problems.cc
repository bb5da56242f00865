// SPDX-License-Identifier: Apache-2.0
#include "app/config_problems.h"

#include <fmt/format.h>

#include "app/configured.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

/// What the file alone does not tell the layer of the configuration: whether its URLs are right.
void check_sources(ConfigFile& file) {
  for (const auto& [name, mount] : file.mounts) {
    if (mount.source.empty()) continue;
    const Result<StoreUrl> url = parse_store_url(mount.source);
    if (!url) {
      file.problems.push_back(
          fmt::format("{}: {}", mount.source_place.text(), url.error().message()));
    }
  }
}

/// Named mounts that could not be mounted although each of their files is right.
std::vector<std::string> incomplete(const std::vector<ConfigFile>& files) {
  const Result<Configuration> configuration = Configuration::of(files);
  std::vector<std::string> problems;
  if (!configuration) return problems;
  for (const std::string& name : configuration->mounts()) {
    const Result<EffectiveOptions> mount =
        configuration->options({.mount = name, .preset = {}, .built_in = {}, .wanted = {}});
    if (!mount) {
      problems.emplace_back(mount.error().message());
    } else if (mount->options.write.write_back && mount->options.mount.read_only) {
      problems.push_back(
          fmt::format("the mount '{}': write-back and read-only contradict each other", name));
    }
  }
  return problems;
}

}  // namespace

ConfigCheck check_config_files(const std::string& file, const Environment& environment) {
  const ConfigPlaces places = config_places(file, environment);
  ConfigCheck check{.files = read_config_files(places), .usual = {}, .problems = {}};
  check.usual.assign(places.usual.begin(), places.usual.end());
  for (ConfigFile& one : check.files) {
    check_sources(one);
    check.problems.insert(check.problems.end(), one.problems.begin(), one.problems.end());
  }
  if (check.problems.empty()) check.problems = incomplete(check.files);
  return check;
}

}  // namespace penstock
