// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/catch.h"

namespace penstock::test {

/// What became of a process that ran one test case of this program.
struct Ended {
  bool failed = false;  ///< Exited with another status than 0, or was killed.
  std::string output;   ///< Both streams.
};

/// Runs the hidden test case `name` of this program in a process of its own.
inline Ended run_alone(const std::string& name) {
  // The shell would be /proc/self itself: the path is looked up here.
  std::array<char, 4096> self{};
  if (readlink("/proc/self/exe", self.data(), self.size() - 1) < 0)
    throw std::runtime_error("no /proc/self/exe");
  const std::string command = "'" + std::string(self.data()) + "' '" + name + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start " + command);
  Ended ended;
  std::array<char, 4096> chunk;
  for (size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    ended.output.append(chunk.data(), got);
  ended.failed = pclose(pipe) != 0;
  return ended;
}

/// Checks that the hidden test case `name` fails and that `report` is said about it.
inline void must_be_caught(const std::string& name, const std::string& report) {
  const Ended ended = run_alone(name);
  INFO(ended.output);
  CHECK(ended.failed);
  CHECK(ended.output.find(report) != std::string::npos);
}

}  // namespace penstock::test
