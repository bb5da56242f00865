// SPDX-License-Identifier: Apache-2.0
#include "app/commands/archive_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>

#include "app/commands/run_command.h"
#include "app/human_text.h"
#include "app/progress_line.h"
#include "app/signals.h"
#include "app/tiers/failures.h"
#include "app/tiers/open_archive.h"
#include "app/tiers/survey.h"
#include "app/wrong.h"
#include "base/mutex.h"

namespace penstock {
namespace {

constexpr std::array<std::string_view, 8> classes{
    "STANDARD",   "STANDARD_IA", "ONEZONE_IA",   "INTELLIGENT_TIERING",
    "GLACIER_IR", "GLACIER",     "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"};

/// How far a change of class is. Thread-safe.
class MoveReport {
 public:
  void moved(uint64_t bytes) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    moved_ += 1;
    bytes_ += bytes;
  }
  void there() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    there_ += 1;
  }
  void failed(const std::string& name, const std::string& why) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    failures_.add(name, why);
  }
  uint64_t failed() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return failures_.count;
  }
  std::string progress() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::string text = fmt::format("{} moved, {}; {} there already", counted(moved_, "object"),
                                   human_size(bytes_), there_);
    if (failures_.count != 0) text += fmt::format("; {} failed", failures_.count);
    return text;
  }
  std::string summary() const EXCLUDES(mutex_) {
    std::string named;
    {
      const MutexLock lock(mutex_);
      named = failures_.text();
    }
    return named + progress() + "\n";
  }

 private:
  mutable Mutex mutex_;
  uint64_t moved_ GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t there_ GUARDED_BY(mutex_) = 0;
  Failures failures_ GUARDED_BY(mutex_);
};

Result<int> archive(const CommandArguments& arguments, const Streams& streams,
                    const Environment& environment) {
  const auto given = arguments.own.find("class");
  const std::string wanted = given == arguments.own.end() ? "" : given->second;
  if (std::ranges::find(classes, wanted) == classes.end())
    return wrong(fmt::format("--class says where to: one of {}", fmt::join(classes, ", ")));
  MoveReport report;
  ProgressLine line(streams.err, environment.terminal);
  // Each object is in one class or the other at any time.
  const SignalWatcher signals([&](int signal) {
    if (signal == SIGHUP) return;  // a terminal that is gone is no reason to stop
    line.finish();
    streams.err << report.summary() << "penstock: interrupted; the same command again goes on\n"
                << std::flush;
    _exit(128 + signal);
  });
  const Result<std::unique_ptr<ArchivePlace>> place = open_archive(
      arguments,
      {.command = "archive", .done = "archived", .recursive = arguments.has("recursive")},
      environment);
  if (!place) return place.error();
  const auto list = [&](const WarmVisitor& visit) {
    (*place)->list(
        [&](WarmFile file, const auto&) { return visit(std::move(file)); },
        [&](const std::string& name, const std::string& why) { report.failed(name, why); });
  };
  const auto move = [&](const WarmFile& file) {
    const Result<bool> moved = (*place)->move(file, wanted);
    if (!moved) return report.failed(file.name, std::string(moved.error().message()));
    *moved ? report.moved(file.size) : report.there();
  };
  for_each_file(list, move, [&] {
    if (line.due()) line.show(report.progress());
  });
  line.finish();
  streams.err << report.summary();
  return report.failed() == 0 ? 0 : 1;
}

}  // namespace

int archive_command(std::span<const std::string> arguments, const Streams& streams,
                    const Environment& environment) {
  return run_command(
      command_row("archive"), arguments, streams, environment,
      [&](const CommandArguments& parsed) { return archive(parsed, streams, environment); });
}

}  // namespace penstock
