// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/rule_change.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/tiers/rule_text.h"
#include "app/wait_for.h"

namespace penstock {
namespace {

constexpr std::chrono::milliseconds first_pause{200};
constexpr int most_reads = 6;

std::string refused(const Error& error, const std::string& action) {
  return fmt::format("these credentials may not {} the bucket's lifecycle rules (s3:{}): {}",
                     action == "GetLifecycleConfiguration" ? "read" : "change", action,
                     error.describe());
}

Error sentence(const Error& error, const std::string& action, const std::string& storage_class) {
  const auto say = [&](std::string message) { return Error(error.code(), std::move(message)); };
  switch (error.code()) {
    case Code::access_denied:
      return say(refused(error, action));
    case Code::not_supported:
      return say(
          fmt::format("the server has no lifecycle rules; penstock archive moves objects "
                      "without one: {}",
                      error.describe()));
    case Code::invalid_argument:
      if (error.detail().http_status == 0) return error;  // not the server's word
      return say(
          fmt::format("the server refuses the rule, nothing is changed; perhaps it has no "
                      "class {}: {}",
                      storage_class, error.describe()));
    default:
      return say(fmt::format("the bucket's lifecycle rules cannot be {}: {}",
                             action == "GetLifecycleConfiguration" ? "read" : "changed",
                             error.describe()));
  }
}

bool is_done(const LifecycleConfiguration& now, const RuleChange& change) {
  const auto has = [&](const std::string& id) {
    return std::ranges::any_of(now.rules, [&](const LifecycleRule& rule) { return rule.id == id; });
  };
  if (std::ranges::any_of(change.removed, has)) return false;
  return !change.put || std::ranges::any_of(now.rules, [&](const LifecycleRule& rule) {
    return rule.id == change.put->id && does_as(rule, *change.put);
  });
}

Result<void> write(LifecycleRules& rules, const LifecycleConfiguration& seen,
                   const RuleChange& change) {
  return wait_for<void>([&](Done<void> done) {
    change.put ? rules.put(seen, *change.put, std::move(done))
               : rules.remove(seen, change.removed, std::move(done));
  });
}

}  // namespace

Result<LifecycleConfiguration> read_rules(LifecycleRules& rules) {
  Result<LifecycleConfiguration> read = wait_for<LifecycleConfiguration>(
      [&](Done<LifecycleConfiguration> done) { rules.read(std::move(done)); });
  if (!read) return sentence(read.error(), "GetLifecycleConfiguration", "");
  return read;
}

Result<RuleOutcome> change_rules(LifecycleRules& rules, const LifecycleConfiguration& seen,
                                 const RuleChange& change,
                                 const std::function<void(std::chrono::milliseconds)>& pause) {
  if (const Result<void> written = write(rules, seen, change); !written) {
    return sentence(written.error(), "PutLifecycleConfiguration",
                    change.put ? change.put->storage_class : "");
  }
  RuleOutcome outcome;
  for (int reads = 1;; ++reads) {
    Result<LifecycleConfiguration> now = read_rules(rules);
    if (!now) {
      return Error(now.code(), fmt::format("the change was written, but is not known to count: {}",
                                           now.error().message()));
    }
    outcome.now = std::move(*now);
    outcome.done = is_done(outcome.now, change);
    if (outcome.done || reads == most_reads) break;
    pause(first_pause * (1 << (reads - 1)));
  }
  std::vector<std::string> own = change.removed;
  if (change.put) own.push_back(change.put->id);
  outcome.differences = differences(seen, outcome.now, own);
  return outcome;
}

}  // namespace penstock
