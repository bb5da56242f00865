// SPDX-License-Identifier: Apache-2.0
#include "app/commands/status_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

#include "app/commands/watch_command.h"
#include "app/configured.h"
#include "app/human_text.h"
#include "app/machine_state.h"
#include "app/state_folders.h"
#include "base/wall_clock.h"
#include "config/render.h"

namespace penstock {
namespace {

using std::chrono::nanoseconds;

std::string age(int64_t since_ns) {
  const nanoseconds age(std::max<int64_t>(0, wall_clock_ns() - since_ns));
  return human_time(std::chrono::duration_cast<std::chrono::seconds>(age));
}

std::string json_of(const JournalReport::File& file) {
  return fmt::format(
      "{{\"key\": {}, \"size\": {}, \"journal_bytes\": {}, \"since\": {}, \"failure\": {}, "
      "\"failed_at\": {}, \"uploading\": {}, \"damage\": {}}}",
      json_string(file.key), file.size, file.journal_bytes, file.since_ns / 1'000'000'000,
      json_string(file.failure), file.failure_ns / 1'000'000'000, file.upload,
      json_string(file.damage));
}

std::string json_of(const JournalReport& report) {
  std::string files;
  for (const JournalReport::File& file : report.files)
    files += (files.empty() ? "" : ", ") + json_of(file);
  return fmt::format(
      "{{\"store\": {}, \"prefix\": {}, \"mounted\": {}, \"folder\": {}, \"problem\": {}, "
      "\"files\": [{}]}}",
      json_string(report.identity), json_string(report.prefix), report.live,
      json_string(report.folder), json_string(report.problem), files);
}

std::string json_of(const std::vector<RenameState>& renames) {
  std::string list;
  for (const RenameState& state : renames) {
    list += fmt::format(
        "{}{{\"from\": {}, \"to\": {}, \"phase\": \"{}\", \"done\": {}, \"objects\": {}}}",
        list.empty() ? "" : ", ", json_string(state.from), json_string(state.to),
        name_of(state.phase), state.done, state.objects);
  }
  return "[" + list + "]";
}

std::string json_of(const std::vector<UnstoredFile>& files) {
  std::string list;
  for (const UnstoredFile& file : files) {
    list += fmt::format("{}{{\"path\": {}, \"size\": {}, \"open\": {}}}", list.empty() ? "" : ", ",
                        json_string(file.path), file.size, file.open);
  }
  return "[" + list + "]";
}

std::string json_of(const std::optional<EpochState>& epoch) {
  if (!epoch) return "null";
  return fmt::format("{{\"directory\": {}, \"fetched\": {}, \"read\": {}}}",
                     json_string(epoch->directory), epoch->fetched, epoch->read);
}

std::string_view name_of(KnownMount::State state) {
  switch (state) {
    case KnownMount::State::mounted:
      return "mounted";
    case KnownMount::State::ending:
      return "ending";
    case KnownMount::State::dead:
      return "dead";
  }
  return "";
}

std::string json_of(const KnownMount& mount) {
  return fmt::format(
      "{{\"state\": \"{}\", \"source\": {}, \"mountpoint\": {}, \"process\": {}, \"journals\": {}, "
      "\"renames\": {}, \"unstored\": {}, \"epoch\": {}}}",
      name_of(mount.state), json_string(mount.source), json_string(mount.mountpoint), mount.pid,
      json_string(mount.journals), json_of(mount.report.renames), json_of(mount.report.unstored),
      json_of(mount.report.epoch));
}

std::string json_of(const Unseen& unseen) {
  return fmt::format("{{\"what\": {}, \"why\": {}}}", json_string(unseen.what),
                     json_string(unseen.why));
}

template <typename T>
std::string json_list(const std::vector<T>& values) {
  std::string list;
  for (const T& value : values) list += (list.empty() ? "" : ", ") + json_of(value);
  return "[" + list + "]";
}

void print_json(std::ostream& out, const MachineState& state) {
  out << fmt::format("{{\"mounts\": {}, \"journals\": {}, \"pending\": {}, \"unseen\": {}}}\n",
                     json_list(state.mounts), json_list(state.journals), state.pending(),
                     json_list(state.unseen));
}

void print_text(std::ostream& out, const JournalReport& report) {
  uint64_t bytes = 0;
  for (const JournalReport::File& file : report.files) bytes += file.journal_bytes;
  out << fmt::format("{} '{}' ({}): {}, {} to upload\n", printable(report.identity),
                     printable(report.prefix),
                     report.live ? "mounted" : "not mounted: the next mount uploads it",
                     counted(report.files.size(), "file"), human_size(bytes));
  for (const JournalReport::File& file : report.files) {
    out << fmt::format("  {:>7} for {:>6}  {}{}\n", human_size(file.size), age(file.since_ns),
                       printable(file.key), file.upload ? " (parts of it are uploaded)" : "");
    if (!file.damage.empty())
      out << fmt::format("          damaged, will not be uploaded: {}\n", printable(file.damage));
    if (!file.failure.empty())
      out << fmt::format("          failed {} ago, is tried again: {}\n", age(file.failure_ns),
                         printable(file.failure));
  }
}

void print_text(std::ostream& out, const KnownMount& mount) {
  const std::string mountpoint = printable(mount.mountpoint);
  if (mount.state == KnownMount::State::ending) {
    out << fmt::format("{} is unmounted; process {} is ending\n", mountpoint, mount.pid);
  } else {
    out << fmt::format("{} at {}{}\n", printable(mount.source), mountpoint,
                       mount.journals.empty() ? "" : ", with write-back");
  }
  if (mount.state == KnownMount::State::dead) {
    out << fmt::format("  its process has died; clear it with: penstock umount {}\n", mountpoint);
  }
  for (const UnstoredFile& file : mount.report.unstored) {
    out << fmt::format("  {:>7} not stored yet  {} ({})\n", human_size(file.size),
                       printable(file.path),
                       file.open ? "open for writing" : "closed; is tried again");
  }
  for (const RenameState& state : mount.report.renames) {
    out << fmt::format("  renaming '{}' to '{}': {}, {} of {} objects so far\n",
                       printable(state.from), printable(state.to), name_of(state.phase), state.done,
                       state.objects);
  }
  if (const std::optional<EpochState>& epoch = mount.report.epoch) {
    out << fmt::format("  fetching the rest of '{}' ahead: {} so far, {} of them read\n",
                       printable(epoch->directory), counted(epoch->fetched, "file"), epoch->read);
  }
}

void print_text(std::ostream& out, const MachineState& state, bool root) {
  for (const KnownMount& mount : state.mounts) print_text(out, mount);
  for (const JournalReport& report : state.journals) {
    if (!report.files.empty()) print_text(out, report);
  }
  for (const Unseen& unseen : state.unseen)
    out << fmt::format("cannot be seen: {}: {}\n", printable(unseen.what), printable(unseen.why));
  const std::string_view whose = root ? "" : " (of your mounts; root sees those of all users)";
  if (state.pending() != 0) {
    out << fmt::format("{} not in a bucket yet\n", counted(state.pending(), "file"));
  } else if (!state.unseen.empty()) {
    out << "nothing is pending where it could be seen\n";
  } else {
    out << fmt::format("everything that was closed is in its bucket{}\n", whose);
  }
}

/// Monitoring goes by it.
int exit_status(const MachineState& state) {
  if (state.pending() != 0) return 2;
  return state.unseen.empty() ? 0 : 3;
}

}  // namespace

int status_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  const Result<CommandArguments> parsed =
      parse_configured(command_row("status"), arguments, environment);
  std::string wrong;
  if (!parsed) wrong = parsed.error().message();
  if (parsed && parsed->has("watch") && parsed->has("json"))
    wrong = "--watch and --json contradict each other";
  if (parsed && !parsed->positional.empty())
    wrong = fmt::format("'{}' is one argument too many", parsed->positional[0]);
  if (!wrong.empty()) {
    streams.err << "penstock: " << wrong << "\n";
    return 1;
  }
  if (parsed->help) {
    streams.out << render_command_help("status");
    return 0;
  }
  if (parsed->has("watch")) return watch_mounts(streams, environment);
  const Result<std::vector<StateFolders>> folders = state_folders_of(parsed->options, environment);
  if (!folders) {
    streams.err << "penstock: " << folders.error().message() << "\n";
    return 1;
  }
  const MachineState state = read_machine_state(*folders, environment);
  if (parsed->has("json")) {
    print_json(streams.out, state);
  } else {
    print_text(streams.out, state, environment.uid == 0);
  }
  return exit_status(state);
}

}  // namespace penstock
