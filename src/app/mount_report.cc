// SPDX-License-Identifier: Apache-2.0
#include "app/mount_report.h"

#include <fmt/format.h>

#include <sstream>

#include "base/word.h"

namespace penstock {
namespace {

using Phase = RenameState::Phase;

std::optional<std::string> read_word(std::istream& words) {
  std::string word;
  if (!(words >> word)) return std::nullopt;
  return decode_word(word);
}

std::optional<RenameState> parse_rename(std::istream& words) {
  std::string phase;
  RenameState state;
  if (!(words >> phase >> state.done >> state.objects)) return std::nullopt;
  const std::optional<std::string> source = read_word(words);
  const std::optional<std::string> target = read_word(words);
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

std::optional<UnstoredFile> parse_unstored(std::istream& words) {
  std::string state;
  UnstoredFile file;
  if (!(words >> state >> file.size)) return std::nullopt;
  std::optional<std::string> path = read_word(words);
  if (!path || (state != "open" && state != "closed")) return std::nullopt;
  file.open = state == "open";
  file.path = *std::move(path);
  return file;
}

std::optional<EpochState> parse_epoch(std::istream& words) {
  EpochState state;
  if (!(words >> state.fetched >> state.read)) return std::nullopt;
  std::optional<std::string> directory = read_word(words);
  if (!directory) return std::nullopt;
  state.directory = *std::move(directory);
  return state;
}

template <typename T>
bool take(std::optional<T> parsed, std::vector<T>& list) {
  if (!parsed) return false;
  list.push_back(*std::move(parsed));
  return true;
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

std::string encode(const MountReport& report) {
  std::string text;
  for (const RenameState& state : report.renames) {
    text += fmt::format("rename {} {} {} {} {}\n", name_of(state.phase), state.done, state.objects,
                        encode_word(state.from), encode_word(state.to));
  }
  for (const UnstoredFile& file : report.unstored) {
    text += fmt::format("unstored {} {} {}\n", file.open ? "open" : "closed", file.size,
                        encode_word(file.path));
  }
  if (report.epoch) {
    text += fmt::format("epoch {} {} {}\n", report.epoch->fetched, report.epoch->read,
                        encode_word(report.epoch->directory));
  }
  return text + "end\n";
}

std::optional<MountReport> decode_mount_report(const std::string& text) {
  MountReport report;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "end") return report;
    bool known = false;
    if (kind == "rename") known = take(parse_rename(words), report.renames);
    if (kind == "unstored") known = take(parse_unstored(words), report.unstored);
    if (kind == "epoch") known = (report.epoch = parse_epoch(words)).has_value();
    if (!known) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace penstock
