// SPDX-License-Identifier: Apache-2.0
#include "app/commands/tier_command.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "app/commands/run_command.h"
#include "app/commands/tier_rule.h"
#include "app/human_text.h"
#include "app/progress_line.h"
#include "app/tiers/failures.h"
#include "app/tiers/open_archive.h"
#include "app/tiers/survey.h"
#include "base/mutex.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

/// What lies in one class, or in one archive tier of Intelligent-Tiering.
struct TierSum {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t restored = 0;
  uint64_t ongoing = 0;
};
using TierSums = std::map<std::string, TierSum>;

std::string json_of(const TierSums& sums) {
  std::string list;
  for (const auto& [place, sum] : sums) {
    list += fmt::format(
        "{}{{\"class\": {}, \"objects\": {}, \"bytes\": {}, \"restored\": {}, \"being_restored\": "
        "{}}}",
        list.empty() ? "" : ", ", json_string(place), sum.objects, sum.bytes, sum.restored,
        sum.ongoing);
  }
  return "[" + list + "]\n";
}

std::string table_of(const TierSums& sums, bool exact) {
  std::string text = fmt::format("{:<20} {:>12} {:>20}\n", "CLASS", "OBJECTS", "BYTES");
  for (const auto& [place, sum] : sums) {
    text += fmt::format("{:<20} {:>12} {:>20}", printable(place), sum.objects,
                        exact ? std::to_string(sum.bytes) : human_size(sum.bytes));
    if (sum.restored != 0) text += fmt::format("  {} restored", sum.restored);
    if (sum.ongoing != 0) text += fmt::format("  {} being restored", sum.ongoing);
    text += "\n";
  }
  return text;
}

Result<int> tier(const CommandArguments& arguments, const Streams& streams,
                 const Environment& environment) {
  if (wants_rule(arguments)) return tier_rule(arguments, streams, environment);
  const Result<std::unique_ptr<ArchivePlace>> place = open_archive(
      arguments, {.command = "tier", .done = "looked at", .recursive = true}, environment);
  if (!place) return place.error();
  ProgressLine line(streams.err, environment.terminal);
  Mutex mutex;
  TierSums sums;
  Failures failures;
  uint64_t objects = 0;
  const auto found = [&](const WarmFile& file, const ArchiveLook& look) {
    const MutexLock lock(mutex);
    TierSum& sum = sums[look.place.empty() ? "STANDARD" : look.place];
    sum.objects += 1;
    sum.bytes += file.size;
    sum.restored += is_archive_class(look.place) && look.state == ArchiveLook::State::readable;
    sum.ongoing += look.state == ArchiveLook::State::ongoing;
    objects += 1;
  };
  const auto failed = [&](const std::string& name, const std::string& why) {
    const MutexLock lock(mutex);
    failures.add(name, why);
  };
  const auto tick = [&] {
    if (!line.due()) return;
    uint64_t count = 0;
    {
      const MutexLock lock(mutex);
      count = objects;
    }
    line.show(counted(count, "object"));
  };
  survey(**place, {.found = found, .failed = failed, .tick = tick});
  line.finish();
  streams.err << failures.text();
  const bool json = arguments.has("json");
  streams.out << (json ? json_of(sums) : table_of(sums, arguments.has("bytes")));
  LifecycleRules* const rules = (*place.value()).lifecycle();
  if (!json && rules != nullptr) {
    const Result<StoreUrl> url = parse_store_url(arguments.positional.front());
    if (url) show_rules(*rules, url.value().prefix, streams);
  }
  return failures.count == 0 ? 0 : 1;
}

}  // namespace

int tier_command(std::span<const std::string> arguments, const Streams& streams,
                 const Environment& environment) {
  return run_command(
      command_row("tier"), arguments, streams, environment,
      [&](const CommandArguments& parsed) { return tier(parsed, streams, environment); });
}

}  // namespace penstock
