// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace penstock {

/// Where a command prints; tests give string streams.
struct Streams {
  std::ostream& out;
  std::ostream& err;
};

/// What a command knows of the machine and of who runs it; tests give one of their own.
struct Environment {
  std::map<std::string, std::string> variables;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string working_directory = "/";
  std::string fuse_device = "/dev/fuse";
  std::string proc = "/proc";
  std::string system_config = "/etc/penstock/penstock.toml";
  bool terminal = false;  ///< Standard error is one.
  /// Files that tell that this is a container (Docker's, Podman's).
  std::vector<std::string> container_marks = {"/.dockerenv", "/run/.containerenv"};

  /// The variable's value; empty where it is not set.
  std::string variable(const std::string& name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  }
};

/// The environment of this process.
Environment process_environment();

}  // namespace penstock
