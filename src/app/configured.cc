// SPDX-License-Identifier: Apache-2.0
#include "app/configured.h"

#include <algorithm>
#include <utility>

namespace penstock {

ConfigPlaces config_places(const std::string& file, const Environment& environment) {
  const auto folder = [&](const std::string& name) {
    std::string path = environment.variable(name);
    return path.starts_with('/') ? path : std::string();
  };
  ConfigPlaces places{.file = file,
                      .usual = {environment.system_config},
                      .home = folder("HOME"),
                      .uid = environment.uid,
                      .gid = environment.gid};
  std::string own = folder("XDG_CONFIG_HOME");
  if (own.empty() && !places.home.empty()) own = places.home + "/.config";
  if (!own.empty()) places.usual.push_back(own + "/penstock/penstock.toml");
  return places;
}

Result<Configuration> read_configuration(const std::string& file, const Environment& environment) {
  return Configuration::of(read_config_files(config_places(file, environment)));
}

Result<MountArguments> parse_configured_mount(std::span<const std::string> arguments,
                                              bool mount_helper, const Environment& environment) {
  ParseContext context{.uid = environment.uid,
                       .gid = environment.gid,
                       .working_directory = environment.working_directory,
                       .mount_helper = mount_helper};
  // The arguments say which files and which mount of them are meant.
  Result<MountArguments> first = parse_mount_arguments(arguments, context);
  if (!first || first->wish != MountArguments::Wish::mount) return first;
  const ConfigOptions& choice = first->options.config;
  const Result<Configuration> configuration = read_configuration(choice.file, environment);
  if (!configuration) return configuration.error();
  ConfigQuestion question{
      .mount = first->named, .preset = choice.preset, .built_in = {}, .wanted = {}};
  question.built_in.mount.uid = environment.uid;
  question.built_in.mount.gid = environment.gid;
  const Result<EffectiveOptions> effective = configuration->options(question);
  if (!effective) return effective.error();
  context.base = &effective->options;
  return parse_mount_arguments(arguments, context);
}

Result<CommandArguments> parse_configured(const CommandRow& command,
                                          std::span<const std::string> arguments,
                                          const Environment& environment) {
  Result<CommandArguments> first = parse_command(command, arguments, environment.working_directory);
  if (!first || first->help) return first;
  const Result<Configuration> configuration =
      read_configuration(first->options.config.file, environment);
  if (!configuration) return configuration.error();
  const auto takes = [&](const OptionRow& row) {
    return std::ranges::find(command.mount_options, row.name) != command.mount_options.end();
  };
  const Result<EffectiveOptions> effective =
      configuration->options({.mount = {}, .preset = {}, .built_in = {}, .wanted = takes});
  if (!effective) return effective.error();
  return parse_command(command, arguments, environment.working_directory, effective->options);
}

}  // namespace penstock
