// SPDX-License-Identifier: Apache-2.0
#include "app/commands/config_command.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "app/config_problems.h"
#include "app/configured.h"
#include "app/human_text.h"
#include "config/render.h"
#include "config/suggest.h"

namespace penstock {
namespace {

int fail(const Streams& streams, std::string_view message) {
  streams.err << "penstock: " << message << "\n";
  return 1;
}

int check(const CommandArguments& arguments, const Streams& streams,
          const Environment& environment) {
  std::string file = arguments.options.config.file;
  if (!arguments.positional.empty()) {
    file = (std::filesystem::path(environment.working_directory) / arguments.positional[0])
               .lexically_normal()
               .string();
  }
  const ConfigCheck checked = check_config_files(file, environment);
  for (const std::string& problem : checked.problems) fail(streams, problem);
  if (!checked.problems.empty()) return 1;
  for (const ConfigFile& one : checked.files)
    streams.out << fmt::format("{} is right: {}\n", one.path, counted(one.mounts.size(), "mount"));
  if (checked.files.empty()) {
    streams.out << fmt::format("there is no configuration file: {}\n",
                               fmt::join(checked.usual, ", "));
  }
  return 0;
}

int show(const CommandArguments& arguments, const Streams& streams,
         const Environment& environment) {
  const ConfigOptions& choice = arguments.options.config;
  const Result<Configuration> configuration = read_configuration(choice.file, environment);
  if (!configuration) return fail(streams, configuration.error().message());
  const std::string name = arguments.positional.empty() ? "" : arguments.positional[0];
  ConfigQuestion question{.mount = name, .preset = choice.preset, .built_in = {}, .wanted = {}};
  question.built_in.mount.uid = environment.uid;
  question.built_in.mount.gid = environment.gid;
  const Result<EffectiveOptions> effective = configuration->options(question);
  if (!effective) return fail(streams, effective.error().message());
  streams.out << config_text(*effective, name);
  return 0;
}

struct Action {
  std::string_view word;
  int (*run)(const CommandArguments& arguments, const Streams& streams,
             const Environment& environment);
};

constexpr std::array<Action, 2> actions{{{"check", check}, {"show", show}}};

std::string unknown_text(const std::string& word) {
  if (word.empty()) return "what shall be done? penstock config check, or penstock config show";
  constexpr std::array<std::string_view, 3> words{"check", "show", "--help"};
  const std::optional<std::string> near = closest(word, words);
  return fmt::format(
      "unknown command 'config {}'; {}", word,
      near ? fmt::format("did you mean penstock config {}?", *near) : "there are check and show");
}

}  // namespace

int config_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  const std::string word = arguments.empty() ? "" : arguments[0];
  if (word == "--help" || word == "-h") {
    streams.out << render_command_help("config");
    return 0;
  }
  for (const Action& action : actions) {
    if (action.word != word) continue;
    const Result<CommandArguments> parsed =
        parse_command(command_row(fmt::format("config {}", word)), arguments.subspan(1),
                      environment.working_directory);
    if (!parsed) return fail(streams, parsed.error().message());
    if (parsed->help) {
      streams.out << render_command_help("config");
      return 0;
    }
    if (parsed->positional.size() > 1)
      return fail(streams, fmt::format("'{}' is one argument too many", parsed->positional[1]));
    return action.run(*parsed, streams, environment);
  }
  return fail(streams, unknown_text(word));
}

}  // namespace penstock
