// SPDX-License-Identifier: Apache-2.0
#include "app/directories.h"

#include <fmt/format.h>

namespace penstock {
namespace {

std::string shared_directory(uint32_t uid) { return fmt::format("/tmp/penstock-{}", uid); }

}  // namespace

std::string default_state_directory(const Environment& environment) {
  if (environment.uid == 0) return "/var/lib/penstock";
  if (const std::string home = environment.variable("XDG_STATE_HOME"); home.starts_with("/")) {
    return home + "/penstock";
  }
  if (const std::string home = environment.variable("HOME"); home.starts_with("/")) {
    return home + "/.local/state/penstock";
  }
  return shared_directory(environment.uid);
}

std::string default_cache_directory(const Environment& environment) {
  if (environment.uid == 0) return "/var/cache/penstock";
  if (const std::string home = environment.variable("XDG_CACHE_HOME"); home.starts_with("/"))
    return home + "/penstock";
  const std::string home = environment.variable("HOME");
  return home.starts_with("/") ? home + "/.cache/penstock" : "";
}

std::string journal_directory(const std::string& journal_dir, const std::string& cache_dir,
                              const Environment& environment) {
  if (!journal_dir.empty()) return journal_dir;
  const std::string beside = cache_dir.empty() ? default_cache_directory(environment) : cache_dir;
  return beside.empty() ? "" : beside + "/journal";
}

std::string runtime_directory(const Environment& environment) {
  if (environment.uid == 0) return "/run/penstock";
  const std::string runtime = environment.variable("XDG_RUNTIME_DIR");
  return runtime.starts_with("/") ? runtime + "/penstock" : shared_directory(environment.uid);
}

std::vector<std::string> runtime_directories_of(const Environment& environment, uint32_t owner) {
  if (owner == 0) return {"/run/penstock"};
  std::vector<std::string> directories{fmt::format("/run/user/{}/penstock", owner),
                                       shared_directory(owner)};
  if (owner == environment.uid)
    directories.insert(directories.begin(), runtime_directory(environment));
  return directories;
}

}  // namespace penstock
