// SPDX-License-Identifier: Apache-2.0
#include "app/commands/warm_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>

#include "app/commands/jobs_option.h"
#include "app/commands/run_command.h"
#include "app/directories.h"
#include "app/human_text.h"
#include "app/progress_line.h"
#include "app/signals.h"
#include "app/warm/mounted_files.h"
#include "app/warm/mounted_paths.h"
#include "app/warm/stored_objects.h"
#include "app/warm/warmer.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr uint32_t default_readers = 16;
constexpr uint32_t most_readers = 1024;

bool is_url(const std::string& text) { return text.find("://") != std::string::npos; }

Result<std::unique_ptr<WarmPlace>> open_objects(const CommandArguments& arguments,
                                                std::string manifest,
                                                const Environment& environment) {
  Options options = arguments.options;
  options.store.url = arguments.positional[0];
  const Result<StoreUrl> url = parse_store_url(options.store.url);
  if (!url) return url.error();
  if (options.cache.directory.empty())
    options.cache.directory = default_cache_directory(environment);
  if (options.cache.directory.empty())
    return wrong("you have no home, and thus no default cache; give --cache-dir");
  Result<std::unique_ptr<StoredObjects>> objects =
      StoredObjects::open(options, *url, std::move(manifest), Log::to_file("", LogLevel::warning));
  if (!objects) return objects.error();
  return std::unique_ptr<WarmPlace>(std::move(*objects));
}

Result<std::unique_ptr<WarmPlace>> open_files(const CommandArguments& arguments,
                                              std::string manifest,
                                              const Environment& environment) {
  WarmRequest request{
      .paths = {}, .recursive = arguments.has("recursive"), .manifest = std::move(manifest)};
  Result<std::vector<WarmRequest::Path>> mounted = mounted_paths(
      arguments.positional, environment, "without a mount: penstock warm s3://BUCKET/PREFIX");
  if (!mounted) return mounted.error();
  request.paths = std::move(*mounted);
  return std::unique_ptr<WarmPlace>(std::make_unique<MountedFiles>(std::move(request)));
}

Result<std::unique_ptr<WarmPlace>> open_place(const CommandArguments& arguments,
                                              const Environment& environment) {
  const std::vector<std::string>& paths = arguments.positional;
  if (paths.empty())
    return wrong("what shall be warmed? penstock warm --recursive /mnt/data, or s3://BUCKET");
  std::string manifest;
  if (const auto given = arguments.own.find("manifest"); given != arguments.own.end()) {
    if (paths.size() != 1)
      return wrong("with --manifest there is one PATH that its names lie below");
    const bool relative = given->second != "-" && !given->second.starts_with("/");
    manifest = relative ? environment.working_directory + "/" + given->second : given->second;
  }
  if (!is_url(paths[0])) return open_files(arguments, std::move(manifest), environment);
  if (paths.size() != 1) return wrong("one URL can be warmed at a time");
  return open_objects(arguments, std::move(manifest), environment);
}

int conclude(const WarmReport& report, const Streams& streams) {
  const WarmReport::Counts counts = report.counts();
  if (counts.no_cache) {
    streams.err << "penstock: the mount has no cache on disk (--no-cache): there is nothing to "
                   "warm\n";
    return 1;
  }
  if (counts.no_room && counts.read_files == 0) {
    streams.err << "penstock: the cache has room for " << report.room_text()
                << ": nothing is fetched. Make room on its disk, or use a lower --cache-min-free\n";
    return 1;
  }
  streams.err << report.summary();
  return counts.failed == 0 && counts.not_kept == 0 && counts.archived == 0 ? 0 : 1;
}

Result<int> warm(const CommandArguments& arguments, const Streams& streams,
                 const Environment& environment) {
  const Result<uint32_t> readers = jobs_of(arguments, default_readers, most_readers);
  if (!readers) return readers.error();
  WarmReport report;
  ProgressLine line(streams.err, environment.terminal);
  // Nothing has to be undone: the cache is one that survives kills.
  const SignalWatcher signals([&](int signal) {
    if (signal == SIGHUP) return;  // a terminal that is gone is no reason to stop
    line.finish();
    streams.err << report.summary() << "penstock: interrupted\n" << std::flush;
    _exit(128 + signal);
  });
  Result<std::unique_ptr<WarmPlace>> place = open_place(arguments, environment);
  if (!place) return place.error();
  Warmer warmer(**place, report, *readers, [&] {
    if (report.exceeds_limit()) {
      line.say(fmt::format(
          "penstock: these are more bytes than the cache has room for: {}; what is fetched first "
          "will be removed again",
          report.room_text()));
    }
    if (line.due()) line.show(report.progress());
  });
  warmer.run();
  place->reset();
  line.finish();
  return conclude(report, streams);
}

}  // namespace

int warm_command(std::span<const std::string> arguments, const Streams& streams,
                 const Environment& environment) {
  return run_command(
      command_row("warm"), arguments, streams, environment,
      [&](const CommandArguments& parsed) { return warm(parsed, streams, environment); });
}

}  // namespace penstock
