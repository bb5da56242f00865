// SPDX-License-Identifier: Apache-2.0
#include "app/warm/manifest.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace penstock {
namespace {

void read_lines(std::istream& in, const std::function<bool(const std::string&)>& visit) {
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    if (!visit(line)) return;
  }
}

}  // namespace

Result<void> read_manifest(const std::string& file,
                           const std::function<bool(const std::string& name)>& visit) {
  if (file == "-") {
    read_lines(std::cin, visit);
    return {};
  }
  std::ifstream in(file);
  if (!in) {
    return Error(Code::not_found,
                 fmt::format("cannot read the manifest {}: {}", file, std::strerror(errno)));
  }
  read_lines(in, visit);
  return {};
}

Result<std::string> place_below(const std::string& base, const std::string& name) {
  const std::string joined = name.starts_with("/") ? name : base + "/" + name;
  std::string path = std::filesystem::path(joined).lexically_normal().string();
  if (path.ends_with('/')) path.pop_back();
  if (path.size() > base.size() && path.starts_with(base) &&
      (base == "/" || path[base.size()] == '/'))
    return path;
  return Error(Code::not_found, fmt::format("does not lie below {}", base));
}

}  // namespace penstock
