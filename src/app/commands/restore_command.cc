// SPDX-License-Identifier: Apache-2.0
#include "app/commands/restore_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <memory>

#include "app/configured.h"
#include "app/human_text.h"
#include "app/progress_line.h"
#include "app/signals.h"
#include "app/tiers/mounted_archive.h"
#include "app/tiers/restore_report.h"
#include "app/tiers/restorer.h"
#include "app/tiers/stored_archive.h"
#include "app/warm/mounted_paths.h"
#include "app/wrong.h"
#include "config/render.h"

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

Result<std::unique_ptr<ArchivePlace>> open_place(const CommandArguments& arguments,
                                                 const Environment& environment) {
  const std::vector<std::string>& paths = arguments.positional;
  const bool recursive = arguments.has("recursive");
  if (paths.empty())
    return wrong("what shall be restored? penstock restore --recursive /mnt/data, or s3://BUCKET");
  if (paths[0].find("://") == std::string::npos) {
    Result<std::vector<WarmRequest::Path>> mounted =
        mounted_paths(paths, environment, "without a mount: penstock restore s3://BUCKET/KEY");
    if (!mounted) return mounted.error();
    return std::unique_ptr<ArchivePlace>(std::make_unique<MountedArchive>(
        WarmRequest{.paths = std::move(*mounted), .recursive = recursive, .manifest = {}}));
  }
  if (paths.size() != 1) return wrong("one URL can be restored at a time");
  StoreOptions options = arguments.options.store;
  options.url = paths[0];
  Result<std::unique_ptr<StoredArchive>> objects =
      StoredArchive::open(options, recursive, Log::to_file("", LogLevel::warning));
  if (!objects) return objects.error();
  return std::unique_ptr<ArchivePlace>(std::move(*objects));
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
  Result<std::unique_ptr<ArchivePlace>> place = open_place(arguments, environment);
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
  const Result<CommandArguments> parsed =
      parse_configured(command_row("restore"), arguments, environment);
  if (parsed && parsed->help) {
    streams.out << render_command_help("restore");
    return 0;
  }
  Result<int> status = 1;
  try {
    status = parsed ? restore(*parsed, streams, environment) : Result<int>(parsed.error());
  } catch (const std::exception& error) {  // no temporary file, no descriptors
    status = wrong(error.what());
  }
  if (status) return *status;
  streams.err << "penstock: " << status.error().message() << "\n";
  return 1;
}

}  // namespace penstock
