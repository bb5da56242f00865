// SPDX-License-Identifier: Apache-2.0
#include "app/directories.h"

#include <fmt/format.h>
#include <pwd.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view shared_directories = "/tmp/penstock-";

}  // namespace

std::string shared_directory(uint32_t uid) { return fmt::format("{}{}", shared_directories, uid); }

bool is_shared_directory(std::string_view directory) {
  return directory.starts_with(shared_directories) &&
         directory.find_first_not_of("0123456789", shared_directories.size()) ==
             std::string_view::npos;
}

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

std::vector<std::string> visible_runtime_directories(const Environment& environment) {
  std::vector<std::string> directories{runtime_directory(environment)};
  if (environment.uid != 0) {
    for (std::string& other : runtime_directories_of(environment, environment.uid)) {
      if (other != directories[0]) directories.push_back(std::move(other));
    }
    return directories;
  }
  const auto add = [&](const char* folder, std::string_view start, const char* below) {
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().filename().string().starts_with(start))
        directories.push_back(entry.path().string() + below);
    }
  };
  add("/run/user", "", "/penstock");
  add("/tmp", "penstock-", "");
  return directories;
}

std::vector<UserDirectories> directories_of_users() {
  std::vector<UserDirectories> users;
  setpwent();
  while (const passwd* user = getpwent()) {
    const std::string home = user->pw_dir;
    if (user->pw_uid != 0 && home.size() > 1 && home.starts_with("/"))
      users.push_back({home + "/.local/state/penstock", home + "/.cache/penstock/journal"});
  }
  endpwent();
  return users;
}

std::string path_hash(std::string_view path) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
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
