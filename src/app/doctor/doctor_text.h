// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/doctor/finding.h"

namespace penstock {

/// One part of a report: the machine, the store.
struct FindingGroup {
  std::string title;
  Findings findings;
};

/// A line for each finding, below those that are not ok what to do; columns as wide as they must
/// be.
std::string findings_text(const FindingGroup& group);
/// "31 checks: 2 wrong, 1 note", or that nothing is.
std::string findings_summary(const std::vector<FindingGroup>& groups);
/// All of it for programs, one line.
std::string findings_json(const std::vector<FindingGroup>& groups);

bool any_wrong(const std::vector<FindingGroup>& groups);

}  // namespace penstock
