// SPDX-License-Identifier: Apache-2.0
#include "app/environment.h"

#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>

namespace penstock {

Environment process_environment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  environment.uid = getuid();
  environment.gid = getgid();
  environment.terminal = isatty(STDERR_FILENO) == 1;
  std::error_code gone;  // a deleted working directory: relative paths then mean those of "/"
  const std::filesystem::path directory = std::filesystem::current_path(gone);
  if (!gone) environment.working_directory = directory.string();
  return environment;
}

}  // namespace penstock
