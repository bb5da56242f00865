// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/intent.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/word.h"

namespace penstock {
namespace {

constexpr std::string_view first_line = "penstock-rename 1";

constexpr std::array phases = {Intent::Phase::copying, Intent::Phase::deleting,
                               Intent::Phase::renaming};

constexpr std::string_view phase_name(Intent::Phase phase) {
  switch (phase) {
    case Intent::Phase::copying:
      return "copying";
    case Intent::Phase::deleting:
      return "deleting";
    case Intent::Phase::renaming:
      break;
  }
  return "renaming";
}

template <typename Number>
bool read_number(std::string_view word, Number& number) {
  const char* const end = word.data() + word.size();
  return !word.empty() && std::from_chars(word.data(), end, number).ptr == end;
}

std::string_view take_word(std::string_view& line) {
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return word;
}

bool read_move(std::string_view line, Intent& intent) {
  const std::optional<std::string> from = decode_word(take_word(line));
  const std::optional<std::string> to = decode_word(take_word(line));
  if (!from || !to || from->empty() || to->empty()) return false;
  const std::string_view keep = take_word(line);
  if ((keep != "0" && keep != "1") || (!line.empty() && line != "1")) return false;
  intent.moves.push_back(
      {.from = *from, .to = *to, .keeps_source = keep == "1", .over_marker = line == "1"});
  return true;
}

bool read_line(std::string_view line, Intent& intent) {
  const std::string_view name = take_word(line);
  if (name == "move") return read_move(line, intent);
  if (name == "since") return read_number(line, intent.since_ns);
  if (name == "until") return read_number(line, intent.until_ns);
  if (name == "step-since") return read_number(line, intent.step_since_ns);
  if (name == "step") return read_number(line, intent.step);
  if (name == "phase") {
    for (const Intent::Phase phase : phases) {
      intent.phase = phase;
      if (line == phase_name(phase)) return true;
    }
    return false;
  }
  const std::optional<std::string> text = decode_word(line);
  if (!text || name != "mount") return false;
  intent.mount = *text;
  return true;
}

}  // namespace

std::string to_text(const Intent& intent) {
  std::string text = fmt::format("{}\nmount {}\nsince {}\nstep {}\nphase {}\n", first_line,
                                 encode_word(intent.mount), intent.since_ns, intent.step,
                                 phase_name(intent.phase));
  // What is optional is written only where it says something: older versions know none of it.
  if (intent.until_ns != 0) text += fmt::format("until {}\n", intent.until_ns);
  if (intent.step_since_ns != 0) text += fmt::format("step-since {}\n", intent.step_since_ns);
  for (const Move& move : intent.moves)
    text += fmt::format("move {} {} {}{}\n", encode_word(move.from), encode_word(move.to),
                        move.keeps_source ? 1 : 0, move.over_marker ? " 1" : "");
  return text;
}

Result<Intent> parse_intent(std::string_view text) {
  const Error unreadable(Code::corrupt, "it is no intent of a rename that this version knows");
  Intent intent;
  bool first = true;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return unreadable;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const bool right = std::exchange(first, false) ? line == first_line : read_line(line, intent);
    if (!right) return unreadable;
  }
  if (intent.mount.empty() || intent.step >= intent.moves.size()) return unreadable;
  return intent;
}

}  // namespace penstock
