// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/rule_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/directories.h"
#include "app/human_text.h"
#include "app/tiers/transition_plan.h"

namespace penstock {
namespace {

constexpr std::string_view own_mark = "penstock/";
/// Of the 255 characters that S3 allows, what a prefix may take: the rest is for mark and class.
constexpr size_t longest_readable = 180;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._-=").find(c) != std::string_view::npos;
}

bool is_own(const LifecycleRule& rule) { return rule.id.starts_with(own_mark); }

std::string when(const LifecycleTransition& transition) {
  if (!transition.date.empty()) return "from " + transition.date + " on";
  return transition.days ? fmt::format("after {}", counted(*transition.days, "day")) : "some day";
}

std::string name_of(const LifecycleRule& rule) {
  return rule.id.empty() ? "a rule without an id" : "'" + printable(rule.id) + "'";
}

}  // namespace

std::string transition_rule_id(const std::string& prefix, const std::string& storage_class) {
  std::string readable;
  for (const char c : prefix) {
    readable +=
        is_plain(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  if (readable.size() > longest_readable)
    readable = readable.substr(0, longest_readable) + "..." + path_hash(prefix);
  return fmt::format("{}{}/{}", own_mark, storage_class, readable);
}

bool is_own_rule(const LifecycleRule& rule, const std::string& prefix,
                 const std::string& storage_class) {
  if (!is_own(rule) || rule.prefix != prefix) return false;
  return storage_class.empty() || rule.id == transition_rule_id(prefix, storage_class);
}

bool does_as(const LifecycleRule& rule, const TransitionRule& wanted) {
  const bool only_moves = rule.limits.empty() && rule.others.empty() && !rule.expiration_days &&
                          rule.expiration_date.empty() && rule.transitions.size() == 1;
  if (!only_moves || !rule.enabled || rule.prefix != wanted.prefix) return false;
  const LifecycleTransition& move = rule.transitions.front();
  return move.date.empty() && move.days == wanted.older_than &&
         move.storage_class == wanted.storage_class;
}

bool touches(const LifecycleRule& rule, std::string_view prefix) {
  return prefix.starts_with(rule.prefix) || rule.prefix.starts_with(prefix);
}

std::string rule_text(const LifecycleRule& rule) {
  std::vector<std::string> actions;
  for (const LifecycleTransition& transition : rule.transitions) {
    actions.push_back(
        fmt::format("to {} {}", printable(transition.storage_class), when(transition)));
  }
  if (rule.expiration_days || !rule.expiration_date.empty()) {
    actions.push_back(
        "deleted " +
        when({.days = rule.expiration_days, .date = rule.expiration_date, .storage_class = {}}));
  }
  for (const std::string& other : rule.others) actions.push_back(printable(other));
  std::string text = name_of(rule);
  text += rule.prefix.empty() ? ", all objects" : ", below " + printable(rule.prefix);
  if (!rule.limits.empty()) text += " with " + printable(rule.limits);
  text += fmt::format(": {}", fmt::join(actions, "; "));
  return rule.enabled ? text : text + " (disabled)";
}

// How S3 chooses: Amazon S3 User Guide, "How Amazon S3 handles conflicts in lifecycle
// configurations".
std::string conflict_text(const LifecycleRule& rule, const TransitionRule& wanted) {
  if (!rule.enabled) return {};
  if (rule.expiration_days && *rule.expiration_days <= wanted.older_than) {
    return fmt::format("{} deletes objects after {}, before they would move", name_of(rule),
                       counted(*rule.expiration_days, "day"));
  }
  const uint64_t kept = uint64_t{wanted.older_than} + least_days(wanted.storage_class);
  if (rule.expiration_days && *rule.expiration_days < kept) {
    return fmt::format(
        "{} deletes objects after {}; AWS bills those in {} for {} days all the same",
        name_of(rule), counted(*rule.expiration_days, "day"), wanted.storage_class,
        least_days(wanted.storage_class));
  }
  for (const LifecycleTransition& move : rule.transitions) {
    if (move.storage_class == wanted.storage_class) {
      return fmt::format("{} moves objects to {}, too, {}", name_of(rule), wanted.storage_class,
                         when(move));
    }
    const bool first = move.days && *move.days <= wanted.older_than;
    if (first && !lifecycle_moves(move.storage_class, wanted.storage_class)) {
      return fmt::format("{} moves objects to {} {}, from where S3 moves nothing to {}",
                         name_of(rule), printable(move.storage_class), when(move),
                         wanted.storage_class);
    }
    if (move.days == wanted.older_than || !move.date.empty()) {
      return fmt::format("{} moves objects to {} {}; where both are due S3 takes the cheaper class",
                         name_of(rule), printable(move.storage_class), when(move));
    }
  }
  return {};
}

std::vector<std::string> differences(const LifecycleConfiguration& before,
                                     const LifecycleConfiguration& after,
                                     const std::vector<std::string>& own) {
  // What stands in both cancels out; several rules may lack an id.
  std::map<std::string, int> balance;
  std::map<std::string, const LifecycleRule*> rules;
  const auto weigh = [&](const LifecycleConfiguration& configuration, int weight) {
    for (const LifecycleRule& rule : configuration.rules) {
      if (std::ranges::find(own, rule.id) != own.end()) continue;
      balance[rule.whole] += weight;
      rules[rule.whole] = &rule;
    }
  };
  weigh(before, -1);
  weigh(after, 1);
  std::vector<std::string> lines;
  for (const auto& [whole, weight] : balance) {
    if (weight == 0) continue;
    lines.push_back(
        fmt::format("{}: {}", weight < 0 ? "is gone" : "is new", rule_text(*rules[whole])));
  }
  // An answer without rules tells nothing of this.
  if (!before.document.empty() && !after.document.empty() &&
      before.small_objects != after.small_objects) {
    lines.push_back(fmt::format("for objects below 128 KiB '{}' counts instead of '{}'",
                                printable(after.small_objects), printable(before.small_objects)));
  }
  return lines;
}

}  // namespace penstock
