// SPDX-License-Identifier: Apache-2.0
#include "app/commands/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "app/commands/archive_command.h"
#include "app/commands/cache_command.h"
#include "app/commands/config_command.h"
#include "app/commands/credentials_command.h"
#include "app/commands/doctor_command.h"
#include "app/commands/mount_command.h"
#include "app/commands/replay_command.h"
#include "app/commands/restore_command.h"
#include "app/commands/stats_command.h"
#include "app/commands/status_command.h"
#include "app/commands/tier_command.h"
#include "app/commands/umount_command.h"
#include "app/commands/verify_command.h"
#include "app/commands/warm_command.h"
#include "app/metrics/metric_table.h"
#include "config/command_table.h"
#include "config/man_page.h"
#include "config/render.h"
#include "config/suggest.h"

namespace penstock {
namespace {

using Arguments = std::span<const std::string>;

/// What stands behind `penstock`, and does something.
struct Command {
  std::string_view word;
  int (*run)(Arguments arguments, const Streams& streams, const Environment& environment);
};

constexpr std::array<Command, 14> commands{{
    {"mount",
     [](Arguments arguments, const Streams& streams, const Environment& environment) {
       return mount_command(arguments, false, streams, environment);
     }},
    {"umount", umount_command},
    {"warm", warm_command},
    {"restore", restore_command},
    {"archive", archive_command},
    {"tier", tier_command},
    {"verify", verify_command},
    {"cache", cache_command},
    {"status", status_command},
    {"stats", stats_command},
    {"doctor", doctor_command},
    {"credentials", credentials_command},
    {"replay", replay_command},
    {"config", config_command},
}};

int unknown_command(const std::string& word, const Streams& streams) {
  if (word.find("://") != std::string::npos) {
    streams.err << "penstock: the command is missing: penstock mount " << word << " MOUNTPOINT\n";
    return 1;
  }
  std::vector<std::string_view> words(command_words().begin(), command_words().end());
  words.insert(words.end(), {"--help", "--help-all", "--version"});
  const std::optional<std::string> near = closest(word, words);
  streams.err << "penstock: unknown command '" << word << "'; "
              << (near ? fmt::format("did you mean {}?", *near)
                       : fmt::format("there are {}, see penstock help",
                                     fmt::join(command_words(), ", ")))
              << "\n";
  return 1;
}

/// `penstock help`, and what --help behind a command says.
int help(Arguments arguments, const Streams& streams) {
  const std::string word = arguments.empty() ? "mount" : arguments[0];
  const auto known = command_words();
  if (std::find(known.begin(), known.end(), word) == known.end())
    return unknown_command(word, streams);
  const std::string own = render_command_help(word);
  streams.out << (own.empty() ? render_help(false) : own);
  return 0;
}

/// For the build and for packages: files that are made from the tables.
int generate(Arguments arguments, const Streams& streams) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  std::vector<std::string> known{"options-page", "presets", "bash-completion", "metrics"};
  for (const ManPage& page : man_pages()) {
    known.push_back(fmt::format("{}.{}", page.name, page.section));
    if (what != known.back()) continue;
    streams.out << page.render();
    return 0;
  }
  if (what == known[0]) {
    streams.out << render_options_page();
  } else if (what == known[1]) {
    streams.out << render_presets();
  } else if (what == known[2]) {
    streams.out << render_bash_completion();
  } else if (what == known[3]) {
    streams.out << render_metrics();
  } else {
    streams.err << fmt::format("penstock: --generate makes one of {}\n", fmt::join(known, ", "));
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
  for (const Command& known : commands) {
    if (known.word == command) return known.run(rest.subspan(1), streams, environment);
  }
  if (command == "help") return help(rest.subspan(1), streams);
  if (command == "--generate") return generate(rest.subspan(1), streams);
  if (command == "--help" || command == "-h" || command == "--help-all") {
    streams.out << render_help(command == "--help-all");
    return 0;
  }
  if (command == "version" || command == "--version" || command == "-V") {
    streams.out << "penstock " << version() << "\n";
    return 0;
  }
  return unknown_command(command, streams);
}

}  // namespace penstock
