// SPDX-License-Identifier: Apache-2.0
#include "app/commands/verify_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/commands/jobs_option.h"
#include "app/commands/run_command.h"
#include "app/directories.h"
#include "app/doctor/mount_doctor.h"
#include "app/human_text.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/progress_line.h"
#include "app/signals.h"
#include "app/verify/verify_place.h"
#include "app/wrong.h"
#include "fs/names/key_names.h"

namespace penstock {
namespace {

constexpr uint32_t default_requests = 32;
constexpr uint32_t most_requests = 1024;
/// Where nothing could be checked.
constexpr int not_read = 2;

/// Says verdicts as they come, and in the end what became of all. Thread-safe.
class VerdictPrinter {
 public:
  VerdictPrinter(const Streams& streams, bool json, bool terminal, VerifyReport& report)
      : streams_(streams), json_(json), report_(report), line_(streams.err, terminal) {}

  void tick() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    say_new();
    if (line_.due()) line_.show(report_.progress());
  }
  /// Once: a signal may come while the end is said.
  void conclude(bool interrupted) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (std::exchange(concluded_, true)) return;
    say_new();
    line_.finish();
    if (json_) {
      begin();
      streams_.out << fmt::format("{}], {}, \"interrupted\": {}}}\n", any_ ? "\n" : "",
                                  report_.json(), interrupted);
    }
    streams_.out << std::flush;
    if (!json_) streams_.err << report_.summary();
    if (interrupted) streams_.err << "penstock: interrupted\n";
    streams_.err << std::flush;
  }

 private:
  /// Not before it is known that there is something to be checked.
  void begin() REQUIRES(mutex_) {
    if (!std::exchange(begun_, true)) streams_.out << "{\"findings\": [";
  }
  void say_new() REQUIRES(mutex_) {
    const std::vector<ObjectVerdict> verdicts = report_.take_unsaid();
    if (verdicts.empty()) return;
    line_.finish();
    for (const ObjectVerdict& verdict : verdicts) {
      if (json_) {
        begin();
        streams_.out << (std::exchange(any_, true) ? ",\n" : "\n") << verdict_json(verdict);
      } else {
        streams_.out << verdict_line(verdict) << "\n";
      }
    }
    streams_.out << std::flush;
  }

  const Streams& streams_;
  const bool json_;
  VerifyReport& report_;
  Mutex mutex_;
  ProgressLine line_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;
  bool any_ GUARDED_BY(mutex_) = false;
  bool concluded_ GUARDED_BY(mutex_) = false;
};

/// The key below `prefix` that the mount shows as `path`, relative to where it is mounted.
std::string key_of(const std::string& prefix, std::string_view path) {
  const KeyNames names(true);
  std::string key;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) key += (key.empty() ? "" : "/") + names.component_of(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return prefix + key;
}

/// It is the bucket that is checked: what is written and not there yet would be missed in silence.
void say_pending(const std::string& mountpoint, const Streams& streams,
                 const Environment& environment) {
  const Result<MountFacts> facts = read_mount_facts(mountpoint, environment);
  if (!facts) return;  // unmounted meanwhile
  const uint64_t files = facts->pending_files + facts->report.unstored.size();
  if (files == 0) return;
  streams.err << fmt::format(
                     "penstock: {}: {} not in the bucket yet, or not as now; only what the bucket "
                     "has is checked (see penstock status)\n",
                     mountpoint, counted(files, "file"))
              << std::flush;
}

/// From the options that a mount was made with its store is reached past its caches.
Result<VerifyTarget> mounted_target(const std::string& given, const Streams& streams,
                                    const Environment& environment) {
  const std::string path = canonical_path(given, environment.working_directory);
  const std::optional<MountEntry> mount = mount_holding(read_mount_table(environment.proc), path);
  if (!mount || !mount->is_penstock()) {
    return wrong(fmt::format(
        "{} lies in no mount of Penstock's; without a mount: penstock verify s3://BUCKET/PREFIX",
        path));
  }
  const auto with_them = [&](std::string_view why) {
    return wrong(fmt::format("{}: {}; penstock verify {}, with its options", mount->mountpoint, why,
                             mount->source));
  };
  const std::vector<MountProcess> processes =
      MountProcess::all(visible_runtime_directories(environment));
  const auto process = std::ranges::find_if(
      processes, [&](const MountProcess& each) { return each.serves(mount->device); });
  if (process == processes.end())
    return with_them("its process is not known here, and so are not its options");
  // A bind mount may show a folder of the mount: keys would be others.
  if (process->mountpoint() != mount->mountpoint)
    return wrong(fmt::format("{} shows the mount at {}: name it there", mount->mountpoint,
                             process->mountpoint()));
  Result<Options> options = options_of_process(process->pid(), environment);
  if (!options) return with_them(options.error().message());
  Result<StoreUrl> url = parse_store_url(mount->source);
  if (!url) return url.error();
  VerifyTarget target{.options = std::move(options->store), .url = *std::move(url), .name = path};
  target.options.url = mount->source;
  if (target.url.kind == StoreUrl::Kind::directory) return target;
  say_pending(mount->mountpoint, streams, environment);
  std::string& prefix = target.url.prefix;
  if (path != mount->mountpoint)
    prefix = key_of(prefix, std::string_view(path).substr(mount->mountpoint.size())) + "/";
  return target;
}

Result<VerifyTarget> target_of(const std::string& word, const CommandArguments& arguments,
                               const Streams& streams, const Environment& environment) {
  if (word.find("://") == std::string::npos) {
    if (!arguments.given.empty()) {
      return wrong(fmt::format(
          "--{} is for URLs, and the store of {} is reached with the options of its mount: leave "
          "it out, or name the URL: penstock verify s3://BUCKET/PREFIX",
          arguments.given.front(), word));
    }
    return mounted_target(word, streams, environment);
  }
  Result<StoreUrl> url = parse_store_url(word);
  if (!url) return url.error();
  VerifyTarget target{.options = arguments.options.store, .url = *std::move(url), .name = word};
  target.options.url = word;
  return target;
}

Result<int> verify(const CommandArguments& arguments, const Streams& streams,
                   const Environment& environment) {
  if (arguments.positional.empty())
    return wrong("what shall be verified? penstock verify s3://BUCKET/PREFIX, or /mnt/data");
  const Result<uint32_t> requests = jobs_of(arguments, default_requests, most_requests);
  if (!requests) return requests.error();
  std::vector<VerifyTarget> targets;
  for (const std::string& word : arguments.positional) {
    Result<VerifyTarget> target = target_of(word, arguments, streams, environment);
    if (!target) return target.error();
    targets.push_back(*std::move(target));
  }
  VerifyReport report(targets.size(), arguments.has("list-unchecked"));
  VerdictPrinter printer(streams, arguments.has("json"), environment.terminal, report);
  // Nothing has to be undone.
  const SignalWatcher signals([&](int signal) {
    if (signal == SIGHUP || signal == SIGUSR1) return;
    printer.conclude(true);
    _exit(128 + signal);
  });
  std::vector<std::unique_ptr<VerifyPlace>> places;
  const auto log = Log::to_file("", LogLevel::warning);
  for (VerifyTarget& target : targets) {
    Result<std::unique_ptr<VerifyPlace>> place = VerifyPlace::open(std::move(target), log);
    if (!place) return place.error();
    places.push_back(std::move(*place));
  }
  for (const auto& place : places) {
    place->verify({.requests = *requests, .etags = !arguments.has("no-etag")}, report,
                  [&] { printer.tick(); });
  }
  printer.conclude(false);
  return report.counts().status();
}

}  // namespace

int verify_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  return run_command(
      command_row("verify"), arguments, streams, environment,
      [&](const CommandArguments& parsed) { return verify(parsed, streams, environment); },
      not_read);
}

}  // namespace penstock
