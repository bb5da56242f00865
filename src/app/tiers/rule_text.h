// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/lifecycle_rules.h"

namespace penstock {

/// The id of Penstock's rule that moves what has this prefix to this class: the same at any time.
std::string transition_rule_id(const std::string& prefix, const std::string& storage_class);

/// Whether the rule was written by Penstock for exactly this prefix, and class; an empty class:
/// whatever it is.
bool is_own_rule(const LifecycleRule& rule, const std::string& prefix,
                 const std::string& storage_class);

/// Whether the rule of the bucket does what `wanted` says, and nothing else.
bool does_as(const LifecycleRule& rule, const TransitionRule& wanted);

/// Whether some key may have both prefixes.
bool touches(const LifecycleRule& rule, std::string_view prefix);

/// "'logs', below logs/: to GLACIER after 30 days; deleted after 365 days".
std::string rule_text(const LifecycleRule& rule);

/// How a rule of the bucket and `wanted` get into each other's way; empty: not at all.
std::string conflict_text(const LifecycleRule& rule, const TransitionRule& wanted);

/// What is different in the bucket's rules but for those of `own` ids: a line each, for people.
/// Both must be answers of the same server.
std::vector<std::string> differences(const LifecycleConfiguration& before,
                                     const LifecycleConfiguration& after,
                                     const std::vector<std::string>& own);

}  // namespace penstock
