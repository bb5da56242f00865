// SPDX-License-Identifier: Apache-2.0
#include "app/verify/verdict.h"

#include <fmt/format.h>

#include "app/human_text.h"

namespace penstock {

const char* name_of(ObjectVerdict::Kind kind) {
  switch (kind) {
    case ObjectVerdict::Kind::good:
      return "good";
    case ObjectVerdict::Kind::differs:
      return "differs";
    case ObjectVerdict::Kind::unchecked:
      return "unchecked";
    case ObjectVerdict::Kind::changed:
      return "changed";
    case ObjectVerdict::Kind::gone:
      return "gone";
    case ObjectVerdict::Kind::unreadable:
      return "unreadable";
  }
  return "";
}

std::string verdict_line(const ObjectVerdict& verdict) {
  std::string text = fmt::format("{}: {}", name_of(verdict.kind), verdict.name);
  if (verdict.part != 0) {
    text += fmt::format(": part {} (bytes {} to {})", verdict.part, verdict.range.offset,
                        verdict.range.end() - 1);
  }
  if (verdict.kind == ObjectVerdict::Kind::differs) {
    text += fmt::format(": {} {} expected, {} found", verdict.checksum, verdict.expected,
                        verdict.found);
  }
  if (verdict.damaged_once)
    text += ": differed when it was read first, and not when it was read again";
  if (!verdict.why.empty()) text += ": " + verdict.why;
  return printable(text);
}

std::string verdict_json(const ObjectVerdict& verdict) {
  std::string text = fmt::format("{{\"verdict\": \"{}\", \"key\": {}", name_of(verdict.kind),
                                 json_string(verdict.name));
  if (!verdict.checksum.empty())
    text += fmt::format(", \"checksum\": {}", json_string(verdict.checksum));
  if (verdict.part != 0) {
    text += fmt::format(", \"part\": {}, \"offset\": {}, \"length\": {}", verdict.part,
                        verdict.range.offset, verdict.range.length);
  }
  if (verdict.kind == ObjectVerdict::Kind::differs) {
    text += fmt::format(", \"expected\": {}, \"found\": {}", json_string(verdict.expected),
                        json_string(verdict.found));
  }
  if (verdict.damaged_once) text += ", \"damaged_once\": true";
  if (!verdict.why.empty()) text += fmt::format(", \"why\": {}", json_string(verdict.why));
  return text + "}";
}

}  // namespace penstock
