// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/doctor_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "app/human_text.h"

namespace penstock {
namespace {

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::note:
      return "note";
    case Verdict::wrong:
      return "WRONG";
  }
  return "";
}

size_t count(const std::vector<FindingGroup>& groups, Verdict verdict) {
  size_t number = 0;
  for (const FindingGroup& group : groups)
    number += static_cast<size_t>(std::ranges::count(group.findings, verdict, &Finding::verdict));
  return number;
}

std::string json_of(const FindingGroup& group) {
  std::string list;
  for (const Finding& finding : group.findings) {
    std::string verdict(word_of(finding.verdict));
    std::ranges::transform(verdict, verdict.begin(), [](char c) { return c | 0x20; });
    list += fmt::format("{}{{\"verdict\": \"{}\", \"name\": {}, \"found\": {}, \"advice\": {}}}",
                        list.empty() ? "" : ", ", verdict, json_string(finding.name),
                        json_string(finding.found), json_string(finding.advice));
  }
  return fmt::format("{{\"title\": {}, \"findings\": [{}]}}", json_string(group.title), list);
}

}  // namespace

std::string findings_text(const FindingGroup& group) {
  size_t width = 0;
  for (const Finding& finding : group.findings) width = std::max(width, finding.name.size());
  std::string text = fmt::format("{}\n", printable(group.title));
  for (const Finding& finding : group.findings) {
    text += fmt::format("  {:<5}  {:<{}}  {}\n", word_of(finding.verdict), printable(finding.name),
                        width, printable(finding.found));
    if (!finding.advice.empty())
      text += fmt::format("  {:<5}  {:<{}}  -> {}\n", "", "", width, printable(finding.advice));
  }
  return text;
}

std::string findings_summary(const std::vector<FindingGroup>& groups) {
  const size_t wrong = count(groups, Verdict::wrong);
  const size_t notes = count(groups, Verdict::note);
  const std::string checks = counted(wrong + notes + count(groups, Verdict::ok), "check");
  if (wrong == 0 && notes == 0) return fmt::format("{}: nothing is wrong\n", checks);
  if (wrong == 0) return fmt::format("{}: nothing is wrong, {}\n", checks, counted(notes, "note"));
  return fmt::format("{}: {} wrong, {}\n", checks, wrong, counted(notes, "note"));
}

std::string findings_json(const std::vector<FindingGroup>& groups) {
  std::string list;
  for (const FindingGroup& group : groups) list += (list.empty() ? "" : ", ") + json_of(group);
  return fmt::format("{{\"wrong\": {}, \"notes\": {}, \"groups\": [{}]}}\n",
                     count(groups, Verdict::wrong), count(groups, Verdict::note), list);
}

bool any_wrong(const std::vector<FindingGroup>& groups) {
  return count(groups, Verdict::wrong) != 0;
}

}  // namespace penstock
