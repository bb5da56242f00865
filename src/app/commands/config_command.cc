// SPDX-License-Identifier: Apache-2.0
#include "app/commands/config_command.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "app/configured.h"
#include "app/human_text.h"
#include "config/render.h"
#include "config/suggest.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

int fail(const Streams& streams, std::string_view message) {
  streams.err << "penstock: " << message << "\n";
  return 1;
}

/// What the file alone does not tell the layer of the configuration: whether its URLs are right.
void check_sources(ConfigFile& file) {
  for (const auto& [name, mount] : file.mounts) {
    if (mount.source.empty()) continue;
    const Result<StoreUrl> url = parse_store_url(mount.source);
    if (!url) {
      file.problems.push_back(
          fmt::format("{}: {}", mount.source_place.text(), url.error().message()));
    }
  }
}

/// Named mounts that could not be mounted although each of their files is right.
std::vector<std::string> incomplete(const std::vector<ConfigFile>& files) {
  const Result<Configuration> configuration = Configuration::of(files);
  std::vector<std::string> problems;
  if (!configuration) return problems;
  for (const std::string& name : configuration->mounts()) {
    const Result<EffectiveOptions> mount =
        configuration->options({.mount = name, .preset = {}, .built_in = {}, .wanted = {}});
    if (!mount) {
      problems.emplace_back(mount.error().message());
    } else if (mount->options.write.write_back && mount->options.mount.read_only) {
      problems.push_back(
          fmt::format("the mount '{}': write-back and read-only contradict each other", name));
    }
  }
  return problems;
}

int check(const CommandArguments& arguments, const Streams& streams,
          const Environment& environment) {
  std::string file = arguments.options.config.file;
  if (!arguments.positional.empty()) {
    file = (std::filesystem::path(environment.working_directory) / arguments.positional[0])
               .lexically_normal()
               .string();
  }
  const ConfigPlaces places = config_places(file, environment);
  std::vector<ConfigFile> files = read_config_files(places);
  std::vector<std::string> problems;
  for (ConfigFile& one : files) {
    check_sources(one);
    problems.insert(problems.end(), one.problems.begin(), one.problems.end());
  }
  if (problems.empty()) problems = incomplete(files);
  for (const std::string& problem : problems) fail(streams, problem);
  if (!problems.empty()) return 1;
  for (const ConfigFile& one : files)
    streams.out << fmt::format("{} is right: {}\n", one.path, counted(one.mounts.size(), "mount"));
  if (files.empty()) {
    streams.out << fmt::format("there is no configuration file: {}\n",
                               fmt::join(places.usual, ", "));
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
