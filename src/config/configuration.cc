// SPDX-License-Identifier: Apache-2.0
#include "config/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "config/preset_table.h"
#include "config/suggest.h"
#include "config/values.h"

namespace penstock {
namespace {

constexpr std::string_view preset_option = "preset";

/// The last of `settings` that names a preset; null: none does.
const ConfigSetting* preset_in(const std::vector<ConfigSetting>& settings) {
  const auto found = std::ranges::find_if(
      settings, [](const ConfigSetting& setting) { return setting.row->name == preset_option; });
  return found == settings.end() ? nullptr : &*found;
}

/// Puts layers of options upon one another, the weakest first.
class Layers {
 public:
  explicit Layers(const ConfigQuestion& question) : question_(question) {
    effective_.options = question.built_in;
    effective_.origins.resize(option_table().size());
  }

  void put(const std::vector<ConfigSetting>& settings) {
    for (const ConfigSetting& setting : settings) {
      if (setting.row->name != preset_option)
        put(*setting.row, setting.value, setting.place.text());
    }
  }

  void put_preset(std::string_view name, const std::string& origin) {
    put(*find_option(preset_option), std::string(name), origin);
    const Preset* const preset = find_preset(name);
    if (preset == nullptr) return;
    for (const PresetSetting& setting : preset->settings) {
      put(*find_option(setting.option), std::string(setting.value),
          fmt::format("preset {}", preset->name));
    }
  }

  EffectiveOptions take() { return std::move(effective_); }
  Options& options() { return effective_.options; }

 private:
  void put(const OptionRow& row, const std::string& value, std::string origin) {
    if (question_.wanted && !question_.wanted(row)) return;
    // Checked when its file was read, or in the table of presets.
    static_cast<void>(set_value(row, value, "/", effective_.options));
    effective_.origins[static_cast<size_t>(&row - option_table().data())] = std::move(origin);
  }

  const ConfigQuestion& question_;
  EffectiveOptions effective_;
};

/// A string of TOML.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\u{:04x}", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string toml_value(const OptionRow& row, const std::string& text) {
  if (row.kind == ValueKind::flag) return text == "yes" ? "true" : "false";
  return row.kind == ValueKind::count ? text : toml_string(text);
}

}  // namespace

Result<Configuration> Configuration::of(std::vector<ConfigFile> files) {
  size_t problems = 0;
  const std::string* first = nullptr;
  for (const ConfigFile& file : files) {
    if (first == nullptr && !file.problems.empty()) first = &file.problems[0];
    problems += file.problems.size();
  }
  if (first == nullptr) return Configuration(std::move(files));
  return Error(Code::invalid_argument,
               problems == 1
                   ? *first
                   : fmt::format("{} (and {} more: penstock config check)", *first, problems - 1));
}

std::vector<std::string> Configuration::mounts() const {
  std::set<std::string> names;
  for (const ConfigFile& file : files_) {
    for (const auto& [name, mount] : file.mounts) names.insert(name);
  }
  return {names.begin(), names.end()};
}

Error Configuration::unknown_mount(std::string_view name) const {
  const std::vector<std::string> names = mounts();
  const std::optional<std::string> near =
      closest(name, std::vector<std::string_view>(names.begin(), names.end()));
  std::string where;
  for (const ConfigFile& file : files_)
    where += fmt::format("{} {}", where.empty() ? "no mount of this name is in" : " or", file.path);
  return Error(
      Code::invalid_argument,
      fmt::format("'{}' is neither a URL nor a path, and {}; {}", name,
                  where.empty() ? "there is no configuration file that names a mount" : where,
                  near ? fmt::format("did you mean {}?", *near)
                       : fmt::format("a bucket is s3://{}, a directory ./{}", name, name)));
}

Result<EffectiveOptions> Configuration::options(const ConfigQuestion& question) const {
  std::vector<const NamedMount*> layers;
  const ConfigSetting* of_mount = nullptr;
  const ConfigFile* preset_file = nullptr;  // The strongest whose [defaults] names one.
  for (const ConfigFile& file : files_) {
    if (preset_in(file.defaults) != nullptr) preset_file = &file;
    const auto mount = file.mounts.find(question.mount);
    if (mount == file.mounts.end()) continue;
    layers.push_back(&mount->second);
    if (const ConfigSetting* named = preset_in(mount->second.settings)) of_mount = named;
  }
  if (!question.mount.empty() && layers.empty()) return unknown_mount(question.mount);

  const bool by_hand = !question.preset.empty();
  Layers result(question);
  for (const ConfigFile& file : files_) {
    if (&file == preset_file && !by_hand && of_mount == nullptr) {
      const ConfigSetting& named = *preset_in(file.defaults);
      result.put_preset(named.value, named.place.text());
    }
    result.put(file.defaults);
  }
  if (by_hand) {
    result.put_preset(question.preset, "command line");
  } else if (of_mount != nullptr) {
    result.put_preset(of_mount->value, of_mount->place.text());
  }
  for (const NamedMount* layer : layers) {
    result.put(layer->settings);
    if (!layer->source.empty()) result.options().store.url = layer->source;
    if (!layer->mountpoint.empty()) result.options().mount.mountpoint = layer->mountpoint;
  }
  if (!question.mount.empty() && result.options().store.url.empty()) {
    return Error(Code::invalid_argument,
                 fmt::format("the mount '{}' has no source; add one to [mounts.{}]: source = "
                             "\"s3://BUCKET/PREFIX\"",
                             question.mount, question.mount));
  }
  return result.take();
}

std::string config_text(const EffectiveOptions& effective, std::string_view mount) {
  const Options& options = effective.options;
  std::string text =
      mount.empty() ? "[defaults]\n" : fmt::format("[mounts.{}]\n", toml_string(mount));
  if (!mount.empty()) text += fmt::format("source = {}\n", toml_string(options.store.url));
  if (!options.mount.mountpoint.empty())
    text += fmt::format("mountpoint = {}\n", toml_string(options.mount.mountpoint));
  size_t index = 0;
  for (const OptionRow& row : option_table()) {
    const std::string& origin = effective.origins[index++];
    if (row.command_line_only) continue;
    const std::string value = value_text(row, options);
    if (value.empty()) {
      text += fmt::format("# {} is not set: {}\n", row.name, row.initial_words);
      continue;
    }
    text += fmt::format("{:<40}# {}\n", fmt::format("{} = {}", row.name, toml_value(row, value)),
                        origin.empty() ? "built in" : origin);
  }
  return text;
}

}  // namespace penstock
