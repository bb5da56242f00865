// SPDX-License-Identifier: Apache-2.0
#include "app/commands/tier_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "app/human_text.h"
#include "app/mount_table.h"
#include "app/progress_line.h"
#include "app/tiers/failures.h"
#include "app/tiers/open_archive.h"
#include "app/tiers/rule_change.h"
#include "app/tiers/rule_text.h"
#include "app/tiers/survey.h"
#include "app/tiers/transition_plan.h"
#include "app/wrong.h"
#include "store/s3/s3_store.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

/// A hundred years.
constexpr uint32_t most_days = 36'500;

/// What the command was asked for.
struct RuleWish {
  std::string url;
  std::string prefix;
  std::string storage_class;           ///< Empty: any, of those that shall go.
  std::optional<uint32_t> older_than;  ///< Nothing: the rules shall go.
  bool apply = false;
};

std::string given(const CommandArguments& arguments, std::string_view name) {
  const auto found = arguments.own.find(name);
  return found == arguments.own.end() ? std::string() : found->second;
}

/// "7d" or "7".
std::optional<uint32_t> parse_days(std::string_view text) {
  if (text.ends_with('d')) text.remove_suffix(1);
  uint32_t days = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
  const bool number = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return number && days <= most_days ? std::optional(days) : std::nullopt;
}

/// A path in a mount has no rule; what is mounted there may have one.
Error no_url(const std::string& path, const Environment& environment) {
  const std::string place = canonical_path(path, environment.working_directory);
  const auto mount = mount_holding(read_mount_table(environment.proc), place);
  std::string url = "s3://BUCKET/PREFIX";
  if (mount && mount->is_penstock() && mount->source.starts_with("s3://")) {
    url = mount->source;
    if (url.ends_with('/')) url.pop_back();
    url += place.substr(mount->mountpoint.size());
  }
  return wrong(
      fmt::format("a lifecycle rule belongs to a bucket, so name that: penstock tier {}, "
                  "with the mount's --endpoint-url and --profile",
                  printable(url)));
}

Result<RuleWish> place_of(const CommandArguments& arguments, const Environment& environment) {
  if (arguments.positional.size() != 1) return wrong("a lifecycle rule is for one URL at a time");
  RuleWish wish{.url = arguments.positional.front()};
  if (wish.url.find("://") == std::string::npos) return no_url(wish.url, environment);
  const Result<StoreUrl> url = parse_store_url(wish.url);
  if (!url) return url.error();
  if (url->kind != StoreUrl::Kind::s3) return wrong("a folder has no lifecycle rules");
  if (is_directory_bucket(url->bucket))
    return wrong("a directory bucket has one storage class: no rule moves anything there");
  const bool whole = arguments.has("whole-bucket");
  if (url->prefix.empty() && !whole) {
    return wrong(
        fmt::format("{} is a whole bucket: say --whole-bucket if the rule is for all of "
                    "it, or name a folder in it",
                    wish.url));
  }
  if (!url->prefix.empty() && whole)
    return wrong(fmt::format("{} is not a whole bucket: without --whole-bucket", wish.url));
  wish.prefix = url->prefix;
  return wish;
}

Result<RuleWish> wish_of(const CommandArguments& arguments, const Environment& environment) {
  if (arguments.has("json")) return wrong("--json shows objects by class, not what a rule does");
  Result<RuleWish> wish = place_of(arguments, environment);
  if (!wish) return wish;
  wish->apply = arguments.has("apply");
  wish->storage_class = given(arguments, "to");
  const std::string age = given(arguments, "older-than");
  if (arguments.has("remove")) {
    if (!age.empty()) return wrong("--remove takes rules away, whatever age they are for");
    return wish;
  }
  if (age.empty() || wish->storage_class.empty())
    return wrong("a rule needs both: --older-than 7d --to GLACIER_IR");
  wish->older_than = parse_days(age);
  if (!wish->older_than) {
    return wrong(fmt::format("--older-than {} is no number of days from 0 to {}, such as 7d",
                             printable(age), most_days));
  }
  if (!is_transition_class(wish->storage_class)) {
    return wrong(fmt::format("--to {}: a rule moves objects to one of {}",
                             printable(wish->storage_class), transition_classes()));
  }
  return wish;
}

std::string list_of(const std::vector<const LifecycleRule*>& rules) {
  std::string text;
  for (const LifecycleRule* rule : rules) text += "  " + rule_text(*rule) + "\n";
  return text;
}

/// The others that touch the same objects, and what that means.
std::string neighbours_text(const LifecycleConfiguration& configuration,
                            const TransitionRule& wanted) {
  std::vector<const LifecycleRule*> near;
  std::string conflicts;
  for (const LifecycleRule& rule : configuration.rules) {
    if (rule.id == wanted.id || !touches(rule, wanted.prefix)) continue;
    near.push_back(&rule);
    const std::string conflict = conflict_text(rule, wanted);
    if (!conflict.empty()) conflicts += "CONFLICT: " + conflict + ".\n";
  }
  const size_t all = configuration.rules.size();
  if (near.empty()) {
    return fmt::format("The bucket has {}; no other one touches these objects.\n",
                       counted(all, "lifecycle rule"));
  }
  return fmt::format("The bucket has {}; these touch the same objects:\n{}{}",
                     counted(all, "lifecycle rule"), list_of(near), conflicts);
}

/// Writes it, and says what the bucket has then.
Result<int> apply(LifecycleRules& rules, const LifecycleConfiguration& seen,
                  const RuleChange& change, const Streams& streams) {
  const Result<RuleOutcome> outcome =
      change_rules(rules, seen, change,
                   [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); });
  if (!outcome) return outcome.error();
  const RuleOutcome& told = outcome.value();
  for (const std::string& line : told.differences)
    streams.err << "penstock: changed meanwhile: " << line << "\n";
  if (!told.done) {
    return Error(Code::unavailable,
                 "the server took the change, and does not show it: somebody else may have written "
                 "the rules at the same time; look again with penstock tier");
  }
  streams.out << (change.put ? "Written, and in force. " : "Taken away. ")
              << fmt::format("The bucket has {} now",
                             counted(told.now.rules.size(), "lifecycle rule"))
              << (told.differences.empty() ? "; the others are as they were.\n" : ".\n");
  return told.differences.empty() ? 0 : 1;
}

Result<int> remove_rules(LifecycleRules& rules, const RuleWish& wish, const Streams& streams) {
  const Result<LifecycleConfiguration> seen = read_rules(rules);
  if (!seen) return seen.error();
  RuleChange change;
  std::vector<const LifecycleRule*> own;
  for (const LifecycleRule& rule : seen.value().rules) {
    if (!is_own_rule(rule, wish.prefix, wish.storage_class)) continue;
    own.push_back(&rule);
    change.removed.push_back(rule.id);
  }
  if (own.empty()) {
    streams.out << fmt::format(
        "The bucket has no rule of Penstock's for {}; nothing is to be done.\n", wish.url);
    return 0;
  }
  streams.out << fmt::format(
      "The bucket has {}; these would go:\n{}What they have moved stays there.\n",
      counted(seen.value().rules.size(), "lifecycle rule"), list_of(own));
  if (wish.apply) return apply(rules, *seen, change, streams);
  streams.out << "Nothing was written: --apply takes them away.\n";
  return 0;
}

/// Looks at all that lies there. True: nothing was left out.
bool take_stock(ArchivePlace& place, TransitionPlan& plan, const Streams& streams,
                const Environment& environment) {
  ProgressLine line(streams.err, environment.terminal);
  Mutex mutex;
  Failures failures;
  const auto failed = [&](const std::string& name, const std::string& why) {
    const MutexLock lock(mutex);
    failures.add(name, why);
  };
  survey(place, {.found = [&](const WarmFile& file,
                              const ArchiveLook& look) { plan.found(look, file.size); },
                 .failed = failed,
                 .tick =
                     [&] {
                       if (line.due()) line.show(counted(plan.objects(), "object"));
                     }});
  line.finish();
  streams.err << failures.text();
  return failures.count == 0;
}

Result<int> make_rule(ArchivePlace& place, LifecycleRules& rules, const RuleWish& wish,
                      const Streams& streams, const CommandArguments& arguments,
                      const Environment& environment) {
  const TransitionRule wanted{.id = transition_rule_id(wish.prefix, wish.storage_class),
                              .prefix = wish.prefix,
                              .older_than = *wish.older_than,
                              .storage_class = wish.storage_class};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  TransitionPlan plan(wanted, std::chrono::nanoseconds(now).count());
  const bool whole = take_stock(place, plan, streams, environment);
  // After the listing, which may take long: it is written from this.
  const Result<LifecycleConfiguration> seen = read_rules(rules);
  streams.out << fmt::format(
                     "Rule '{}': what is below {} goes to {} {} after it was last modified.\n\n",
                     wanted.id, printable(wish.url), wanted.storage_class,
                     counted(wanted.older_than, "day"))
              << plan_text(plan, seen ? seen.value().small_objects : "", arguments.has("bytes"));
  if (!seen) return seen.error();
  streams.out << "\n" << neighbours_text(*seen, wanted);
  const auto present = std::ranges::find(seen.value().rules, wanted.id, &LifecycleRule::id);
  if (present != seen.value().rules.end() && does_as(*present, wanted)) {
    streams.out << "The rule is in force already: there is nothing to write.\n";
    return whole ? 0 : 1;
  }
  if (present != seen.value().rules.end())
    streams.out << fmt::format("It takes the place of {}\n", rule_text(*present));
  if (wish.apply && whole) return apply(rules, *seen, {.put = wanted, .removed = {}}, streams);
  streams.out << (whole ? "Nothing was written: --apply writes the rule.\n"
                        : "Nothing was written, for not everything could be looked at.\n");
  return whole ? 0 : 1;
}

}  // namespace

bool wants_rule(const CommandArguments& arguments) {
  constexpr auto options =
      std::to_array<std::string_view>({"older-than", "to", "apply", "remove", "whole-bucket"});
  return std::ranges::any_of(options,
                             [&](std::string_view option) { return arguments.has(option); });
}

Result<int> tier_rule(const CommandArguments& arguments, const Streams& streams,
                      const Environment& environment) {
  const Result<RuleWish> wish = wish_of(arguments, environment);
  if (!wish) return wish.error();
  const Result<std::unique_ptr<ArchivePlace>> place = open_archive(
      arguments, {.command = "tier", .done = "looked at", .recursive = true, .only_classes = true},
      environment);
  if (!place) return place.error();
  LifecycleRules* const rules = (*place.value()).lifecycle();
  if (rules == nullptr) return Error(Code::internal, "a bucket without rules");
  if (!wish.value().older_than) return remove_rules(*rules, *wish, streams);
  return make_rule(*place.value(), *rules, *wish, streams, arguments, environment);
}

void show_rules(LifecycleRules& rules, const std::string& prefix, const Streams& streams) {
  const Result<LifecycleConfiguration> seen = read_rules(rules);
  if (!seen) {
    streams.err << "penstock: " << seen.error().message() << "\n";
    return;
  }
  std::vector<const LifecycleRule*> near;
  for (const LifecycleRule& rule : seen.value().rules) {
    if (touches(rule, prefix)) near.push_back(&rule);
  }
  streams.out << (near.empty() ? "\nNo lifecycle rule touches these objects.\n"
                               : "\nLifecycle rules that touch these objects:\n" + list_of(near));
}

}  // namespace penstock
