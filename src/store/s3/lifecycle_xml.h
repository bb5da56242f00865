// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/lifecycle_rules.h"

namespace penstock {

// The documents of a bucket's lifecycle configuration. They are changed as text: what is not of the
// rule in question keeps every byte, also where nothing here knows what it means.

/// The rules of a document. Code::corrupt for what is no XML, not_supported for another document.
Result<std::vector<LifecycleRule>> parse_lifecycle(std::string_view document);

/// The document (empty: none) with `rule` in it, once, in place of those of its id or behind the
/// others. Errors as above; invalid_argument where there would be too many rules, and for a prefix
/// that XML cannot carry.
Result<std::string> with_rule(std::string_view document, const TransitionRule& rule);

/// The document without the rules of these ids; empty where no rule is left.
Result<std::string> without_rules(std::string_view document, const std::vector<std::string>& ids);

}  // namespace penstock
