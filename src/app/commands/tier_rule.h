// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/environment.h"
#include "app/tiers/archive_place.h"
#include "config/command_parse.h"

namespace penstock {

/// Whether `penstock tier` was asked about a lifecycle rule.
bool wants_rule(const CommandArguments& arguments);

/// Shows what a lifecycle rule would do, or which ones would go, and with --apply does it. The
/// status is 0, or 1 where the bucket's rules are not what they should be then.
Result<int> tier_rule(const CommandArguments& arguments, const Streams& streams,
                      const Environment& environment);

/// Shows the bucket's rules that touch what was listed. That they cannot be read is said, and no
/// failure.
void show_rules(LifecycleRules& rules, const std::string& prefix, const Streams& streams);

}  // namespace penstock
