// SPDX-License-Identifier: Apache-2.0
#include "app/run.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "app/commands/cache_command.h"
#include "app/commands/mount_command.h"
#include "app/commands/status_command.h"
#include "app/commands/umount_command.h"
#include "app/commands/warm_command.h"
#include "config/render.h"
#include "config/suggest.h"

namespace penstock {
namespace {

constexpr std::array<std::string_view, 8> words{"mount",  "umount", "warm",       "cache",
                                                "status", "--help", "--help-all", "--version"};

int unknown_command(const std::string& word, const Streams& streams) {
  if (word.find("://") != std::string::npos) {
    streams.err << "penstock: the command is missing: penstock mount " << word << " MOUNTPOINT\n";
    return 1;
  }
  const std::optional<std::string> near = closest(word, words);
  streams.err << "penstock: unknown command '" << word << "'; "
              << (near ? fmt::format("did you mean {}?", *near)
                       : "there are mount, umount, warm, cache and status, see penstock --help")
              << "\n";
  return 1;
}

/// For the build and for packages: files that are made from the option table.
int generate(std::span<const std::string> arguments, const Streams& streams) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  if (what == "options-page") {
    streams.out << render_options_page();
  } else if (what == "bash-completion") {
    streams.out << render_bash_completion();
  } else {
    streams.err << "penstock: --generate makes options-page or bash-completion\n";
    return 1;
  }
  return 0;
}

}  // namespace

int run(const std::vector<std::string>& arguments, const Streams& streams,
        const Environment& environment) {
  const std::span<const std::string> all(arguments);
  const std::string name = all.empty() ? "" : std::filesystem::path(all[0]).filename().string();
  const auto rest = all.subspan(all.empty() ? 0 : 1);
  if (name == "mount.penstock" || name == "mount.fuse.penstock") {
    return mount_command(rest, true, streams, environment);
  }
  if (name == "umount.penstock" || name == "umount.fuse.penstock")
    return umount_command(rest, streams, environment);
  if (rest.empty()) {
    streams.err << render_help(false);
    return 1;
  }
  const std::string& command = rest[0];
  if (command == "mount") return mount_command(rest.subspan(1), false, streams, environment);
  if (command == "umount") return umount_command(rest.subspan(1), streams, environment);
  if (command == "cache") return cache_command(rest.subspan(1), streams, environment);
  if (command == "warm") return warm_command(rest.subspan(1), streams, environment);
  if (command == "status") return status_command(rest.subspan(1), streams, environment);
  if (command == "--generate") return generate(rest.subspan(1), streams);
  if (command == "--help" || command == "-h" || command == "--help-all") {
    streams.out << render_help(command == "--help-all");
    return 0;
  }
  if (command == "--version" || command == "-V") {
    streams.out << "penstock " << version() << "\n";
    return 0;
  }
  return unknown_command(command, streams);
}

}  // namespace penstock
