// SPDX-License-Identifier: Apache-2.0
#include "app/commands/restore_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "app/commands/run_command.h"
#include "app/progress_line.h"
#include "app/signals.h"
#include "app/tiers/open_archive.h"
#include "app/tiers/restore_report.h"
#include "app/tiers/restorer.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr int not_yet = 2;

std::string given(const CommandArguments& arguments, std::string_view name,
                  std::string_view otherwise) {
  const auto found = arguments.own.find(name);
  return found == arguments.own.end() ? std::string(otherwise) : found->second;
}

Result<RestoreWish> wish_of(const CommandArguments& arguments) {
  const RestoreWish usual;
  const std::string tier = given(arguments, "tier", to_string(usual.tier));
  if (!restore_tier(tier))
    return wrong(
        fmt::format("--tier {} is not one of {}", tier, fmt::join(restore_tier_names, ", ")));
  const std::string days = given(arguments, "days", std::to_string(usual.days));
  Result<RestoreWish> wish = parse_restore_wish(days + "," + tier, usual);
  if (!wish)
    return wrong(fmt::format("--days {} is no number from 1 to {}", days, most_restore_days));
  return wish;
}

int conclude(const RestoreReport& report) {
  const RestoreReport::Counts counts = report.counts();
  if (counts.failed != 0) return 1;
  return counts.restored < counts.wanted() ? not_yet : 0;
}

Result<int> restore(const CommandArguments& arguments, const Streams& streams,
                    const Environment& environment) {
  const Result<RestoreWish> wish = wish_of(arguments);
  if (!wish) return wish.error();
  RestoreReport report;
  ProgressLine line(streams.err, environment.terminal);
  const SignalWatcher signals([&](int signal) {
    if (signal == SIGHUP) return;  // a terminal that is gone is no reason to stop
    line.finish();
    streams.err << report.summary()
                << "penstock: interrupted. What was asked for goes on; the same command again "
                   "waits for it\n"
                << std::flush;
    _exit(128 + signal);
  });
  const Result<std::unique_ptr<ArchivePlace>> place = open_archive(
      arguments,
      {.command = "restore", .done = "restored", .recursive = arguments.has("recursive")},
      environment);
  if (!place) return place.error();
  Restorer restorer(**place, report, *wish, [&] {
    if (line.due()) line.show(report.progress());
  });
  restorer.survey();
  line.finish();
  streams.out << report.estimate(*wish) << std::flush;
  const bool dry = arguments.has("dry-run");
  if (!dry) restorer.ask();
  if (!dry && !arguments.has("no-wait")) restorer.wait();
  line.finish();
  if (!dry || report.counts().failed != 0) streams.err << report.summary();
  return dry && report.counts().failed == 0 ? 0 : conclude(report);
}

}  // namespace

int restore_command(std::span<const std::string> arguments, const Streams& streams,
                    const Environment& environment) {
  return run_command(
      command_row("restore"), arguments, streams, environment,
      [&](const CommandArguments& parsed) { return restore(parsed, streams, environment); });
}

}  // namespace penstock
