// SPDX-License-Identifier: Apache-2.0
#include "app/commands/status_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "app/directories.h"
#include "app/human_text.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/rename_report.h"
#include "base/wall_clock.h"
#include "config/command_parse.h"
#include "config/render.h"
#include "journal/journal_report.h"

namespace penstock {
namespace {

using std::chrono::nanoseconds;

/// A mount of this machine, and where its journal would be.
struct KnownMount {
  MountEntry entry;
  std::string journals;              ///< Empty: it has none, or its process is gone.
  std::vector<RenameState> renames;  ///< Of several objects, under way.
};

std::vector<KnownMount> find_mounts(const Environment& environment) {
  std::vector<KnownMount> mounts;
  for (const MountEntry& entry : read_mount_table(environment.proc)) {
    if (!entry.is_penstock()) continue;
    KnownMount mount{entry, "", {}};
    for (const MountProcess& process : MountProcess::find(
             runtime_directories_of(environment, entry.owner_uid), entry.mountpoint)) {
      if (!process.serves(entry.device)) continue;
      mount.journals = process.journals();
      mount.renames = read_rename_report(rename_report_path(process.path()));
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

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

void print_json(std::ostream& out, const std::vector<KnownMount>& mounts,
                const std::vector<JournalReport>& reports) {
  std::string mounted;
  for (const KnownMount& mount : mounts) {
    mounted += fmt::format(
        "{}{{\"source\": {}, \"mountpoint\": {}, \"journals\": {}, \"renames\": {}}}",
        mounted.empty() ? "" : ", ", json_string(mount.entry.source),
        json_string(mount.entry.mountpoint), json_string(mount.journals), json_of(mount.renames));
  }
  std::string journals;
  for (const JournalReport& report : reports)
    journals += (journals.empty() ? "" : ", ") + json_of(report);
  out << fmt::format("{{\"mounts\": [{}], \"journals\": [{}]}}\n", mounted, journals);
}

void print_text(std::ostream& out, const JournalReport& report) {
  uint64_t bytes = 0;
  for (const JournalReport::File& file : report.files) bytes += file.journal_bytes;
  out << fmt::format("{} '{}' ({}): {}, {} to upload\n", printable(report.identity),
                     printable(report.prefix),
                     report.live ? "mounted" : "not mounted: the next mount uploads it",
                     counted(report.files.size(), "file"), human_size(bytes));
  if (!report.problem.empty())
    out << fmt::format("  {}: {}\n", printable(report.folder), printable(report.problem));
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

void print_text(std::ostream& out, const std::vector<KnownMount>& mounts,
                const std::vector<JournalReport>& reports) {
  for (const KnownMount& mount : mounts) {
    out << fmt::format("{} at {}{}\n", printable(mount.entry.source),
                       printable(mount.entry.mountpoint),
                       mount.journals.empty() ? "" : ", with write-back");
    for (const RenameState& state : mount.renames) {
      out << fmt::format("  renaming '{}' to '{}': {}, {} of {} objects so far\n",
                         printable(state.from), printable(state.to), name_of(state.phase),
                         state.done, state.objects);
    }
  }
  uint64_t pending = 0;
  for (const JournalReport& report : reports) {
    pending += report.files.size();
    if (!report.files.empty() || !report.problem.empty()) print_text(out, report);
  }
  if (pending == 0) out << "everything that was closed is in its bucket\n";
}

}  // namespace

int status_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  const Result<CommandArguments> parsed =
      parse_command(command_row("status"), arguments, environment.working_directory);
  std::string wrong;
  if (!parsed) wrong = parsed.error().message();
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
  const std::vector<KnownMount> mounts = find_mounts(environment);
  std::set<std::string> directories{journal_directory(
      parsed->options.write.journal_dir, parsed->options.cache.directory, environment)};
  for (const KnownMount& mount : mounts) directories.insert(mount.journals);
  directories.erase("");
  std::vector<JournalReport> reports;
  for (const std::string& directory : directories) {
    for (JournalReport& report : read_journals(directory, *Disk::system()))
      reports.push_back(std::move(report));
  }
  if (parsed->has("json")) {
    print_json(streams.out, mounts, reports);
  } else {
    print_text(streams.out, mounts, reports);
  }
  return 0;
}

}  // namespace penstock
