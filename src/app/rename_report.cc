// SPDX-License-Identifier: Apache-2.0
#include "app/rename_report.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "fs/intent.h"

namespace penstock {
namespace {

using Phase = RenameState::Phase;

std::optional<RenameState> parse(const std::string& line) {
  std::istringstream words(line);
  std::string phase;
  std::string from;
  std::string to;
  RenameState state;
  if (!(words >> phase >> state.done >> state.objects >> from >> to)) return std::nullopt;
  const std::optional<std::string> source = decode_word(from);
  const std::optional<std::string> target = decode_word(to);
  if (!source || !target) return std::nullopt;
  state.from = *source;
  state.to = *target;
  for (const Phase known : {Phase::copying, Phase::deleting, Phase::undoing}) {
    if (phase != name_of(known)) continue;
    state.phase = known;
    return state;
  }
  return std::nullopt;
}

}  // namespace

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::copying:
      return "copying";
    case Phase::deleting:
      return "deleting";
    case Phase::undoing:
      return "undoing";
  }
  return "";
}

std::string rename_report_path(const std::string& pid_file) { return pid_file + ".renames"; }

void write_rename_report(const std::string& path, const std::vector<RenameState>& renames) {
  if (renames.empty()) {
    std::remove(path.c_str());
    return;
  }
  const std::string written = path + ".new";
  {
    std::ofstream file(written, std::ios::trunc);
    for (const RenameState& state : renames) {
      file << fmt::format("{} {} {} {} {}\n", name_of(state.phase), state.done, state.objects,
                          encode_word(state.from), encode_word(state.to));
    }
  }
  std::rename(written.c_str(), path.c_str());
}

std::vector<RenameState> read_rename_report(const std::string& path) {
  std::vector<RenameState> renames;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (std::optional<RenameState> state = parse(line)) renames.push_back(std::move(*state));
  }
  return renames;
}

}  // namespace penstock
