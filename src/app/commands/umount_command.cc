// SPDX-License-Identifier: Apache-2.0
#include "app/commands/umount_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "app/configured.h"
#include "app/directories.h"
#include "app/human_text.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/unmount.h"
#include "app/wait_report.h"
#include "app/wrong.h"
#include "config/command_parse.h"
#include "config/render.h"
#include "penstock/result.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

struct UmountArguments {
  std::string mountpoint;  ///< Or the name of a mount of the configuration.
  std::string config;
  bool lazy = false;
  bool force = false;
  bool detach_pending = false;
  bool help = false;
};

/// Also understands the letters that umount(8) gives its helpers: -f -l -n -r -v -t TYPE.
Result<UmountArguments> parse(std::span<const std::string> arguments,
                              const Environment& environment) {
  std::vector<std::string> ours;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-n" || argument == "-r" || argument == "-v") continue;
    argument == "-t" ? static_cast<void>(++i) : ours.push_back(argument);
  }
  const Result<CommandArguments> parsed =
      parse_command(command_row("umount"), ours, environment.working_directory);
  if (!parsed) return parsed.error();
  UmountArguments wish{.mountpoint = {},
                       .config = parsed->options.config.file,
                       .lazy = parsed->has("lazy"),
                       .force = parsed->has("force"),
                       .detach_pending = parsed->has("detach-pending"),
                       .help = parsed->help};
  if (parsed->help) return wish;
  if (parsed->positional.empty())
    return wrong("the MOUNTPOINT is missing: penstock umount /mnt/data");
  if (parsed->positional.size() > 1) {
    return wrong(fmt::format("'{}' is one argument too many; unmount one MOUNTPOINT at a time",
                             parsed->positional[1]));
  }
  wish.mountpoint = parsed->positional[0];
  return wish;
}

int fail(const Streams& streams, std::string_view message) {
  streams.err << "penstock: " << message << "\n";
  return 1;
}

std::string not_mounted_text(const std::vector<MountEntry>& table, const std::string& path) {
  const std::optional<MountEntry> around = mount_holding(table, path);
  if (around && around->is_penstock()) {
    return fmt::format(
        "{} is not a mountpoint, it lies inside the mount {}; to unmount that: penstock umount {}",
        path, around->mountpoint, around->mountpoint);
  }
  std::string text = fmt::format("{} is not a mount", path);
  for (const MountEntry& entry : table) {
    if (entry.is_penstock())
      text += fmt::format("\n  mounted with Penstock: {} at {}", entry.source, entry.mountpoint);
  }
  return text;
}

/// The directory that is meant: a word that is no mountpoint here may be the name of a mount of the
/// configuration, which is read only then.
Result<std::string> mountpoint_of(const UmountArguments& arguments,
                                  const std::vector<MountEntry>& table,
                                  const Environment& environment) {
  std::string path = canonical_path(arguments.mountpoint, environment.working_directory);
  if (arguments.mountpoint.find('/') != std::string::npos || find_mount(table, path)) return path;
  const Result<Configuration> configuration = read_configuration(arguments.config, environment);
  if (!configuration) return configuration.error();
  const std::vector<std::string> names = configuration->mounts();
  if (std::ranges::find(names, arguments.mountpoint) == names.end()) return path;
  const Result<EffectiveOptions> mount = configuration->options(
      {.mount = arguments.mountpoint, .preset = {}, .built_in = {}, .wanted = {}});
  if (!mount) return mount.error();
  const std::string& mountpoint = mount->options.mount.mountpoint;
  if (mountpoint.empty()) {
    return wrong(
        fmt::format("the configuration names no mountpoint for '{}': penstock umount "
                    "MOUNTPOINT",
                    arguments.mountpoint));
  }
  return canonical_path(mountpoint, environment.working_directory);
}

std::string busy_text(const std::string& message, const std::string& mountpoint,
                      const Environment& environment) {
  std::string text = message;
  const std::vector<MountUser> users = find_mount_users(environment.proc, mountpoint);
  for (const MountUser& user : users)
    text += fmt::format("\n  process {} ({})", user.pid, user.name);
  if (users.empty()) text += fmt::format("; to see which: fuser -vm {}", mountpoint);
  return text +
         fmt::format("\nEnd them, or detach the mount while they go on: penstock umount --lazy {}",
                     mountpoint);
}

int wait_for_end(MountProcess& process, const std::string& mountpoint, const Streams& streams,
                 const Environment& environment) {
  WaitReport report(process, mountpoint, streams.err, environment);
  const MountProcess::End end = process.wait(milliseconds(3000), [&] { report.show(); });
  report.finish();
  if (!end.in_order) {
    return fail(
        streams,
        fmt::format(
            "the process of {} died before it had ended the mount; see its log for what was "
            "not saved",
            mountpoint));
  }
  if (end.pending) {
    streams.err << fmt::format(
        "penstock: not in the bucket yet, but safe in the journal: {} ({}); the next mount of this "
        "prefix on this machine goes on with that\n",
        counted(end.pending->files, "file"), human_size(end.pending->bytes));
  }
  for (const std::string& path : end.unsaved)
    streams.err << "penstock: not saved: " << path << "\n";
  return end.unsaved.empty() ? 0 : 1;
}

}  // namespace

int umount_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  const Result<UmountArguments> parsed = parse(arguments, environment);
  if (!parsed) return fail(streams, parsed.error().message());
  if (parsed->help) {
    streams.out << render_command_help("umount");
    return 0;
  }
  const std::vector<MountEntry> table = read_mount_table(environment.proc);
  const Result<std::string> meant = mountpoint_of(*parsed, table, environment);
  if (!meant) return fail(streams, meant.error().message());
  const std::string& mountpoint = *meant;
  const std::optional<MountEntry> entry = find_mount(table, mountpoint);
  if (entry && !entry->is_penstock()) {
    return fail(
        streams,
        fmt::format("{} is a mount of type {}, not one of Penstock's; unmount it with: umount {}",
                    mountpoint, entry->type, mountpoint));
  }
  const uint32_t owner = entry ? entry->owner_uid : environment.uid;
  std::vector<MountProcess> processes =
      MountProcess::find(runtime_directories_of(environment, owner), mountpoint);
  // Processes of earlier mounts at this place end by themselves, and are not waited for.
  if (entry)
    std::erase_if(processes, [&](const MountProcess& p) { return !p.serves(entry->device); });
  if (!entry && processes.empty()) return fail(streams, not_mounted_text(table, mountpoint));
  if (entry) {
    // With --force programs may go on using what they have open, as with --lazy.
    const UnmountOutcome outcome =
        unmount_path(mountpoint, parsed->lazy || parsed->force, environment);
    if (outcome.kind == UnmountOutcome::Kind::busy) {
      return fail(streams, busy_text(outcome.message, mountpoint, environment));
    }
    if (outcome.kind == UnmountOutcome::Kind::failed) return fail(streams, outcome.message);
  }
  int status = 0;
  for (MountProcess& process : processes) {
    if (parsed->detach_pending) process.detach_pending();
    if (parsed->force) process.end_now();
    // A lazy unmount ends when the last program closes its files, which may be never.
    if (parsed->lazy && !parsed->force) continue;
    if (wait_for_end(process, mountpoint, streams, environment) != 0) status = 1;
  }
  return status;
}

}  // namespace penstock
