// SPDX-License-Identifier: Apache-2.0
// What people, and programs for them, write: configuration, prices, values of options.
#include <cmath>
#include <set>
#include <string>

#include "config/config_file.h"
#include "config/configuration.h"
#include "config/price_table.h"
#include "config/values.h"
#include "fuzz/parsers.h"
#include "fuzz/target.h"

namespace penstock::fuzz {
namespace {

const std::string config_path = "/etc/penstock/penstock.toml";

ConfigFile parsed(std::string_view text) { return parse_config(text, config_path, "/home/anna"); }

EffectiveOptions effective(ConfigFile file) {
  const Result<Configuration> configuration = Configuration::of({std::move(file)});
  must(configuration.has_value(), "a file without problems is a configuration");
  const auto options =
      configuration->options({.mount = {}, .preset = {}, .built_in = {}, .wanted = {}});
  must(options.has_value(), "of which there are options");
  return *options;
}

void set_and_show(const ConfigSetting& one) {
  Options options;
  must(set_value(*one.row, one.value, "/", options).has_value(), "a value can be set");
  const std::string written = value_text(*one.row, options);
  Options again;
  must(written.empty() || set_value(*one.row, written, "/", again).has_value(),
       "a value that is written can be set");
  must(value_text(*one.row, again) == written || written.empty(), "and is the same");
}

}  // namespace

void config_file(std::string_view input) {
  const ConfigFile file = parsed(input);
  for (const std::string& problem : file.problems)
    must(problem.starts_with(config_path + ":"), "a problem has its place");
  if (!file.problems.empty()) return;
  for (const ConfigSetting& one : file.defaults) set_and_show(one);
  for (const auto& [name, mount] : file.mounts) {
    must(mount.mountpoint.empty() || mount.mountpoint.starts_with('/'), "a place is absolute");
    for (const ConfigSetting& one : mount.settings) set_and_show(one);
  }
  const EffectiveOptions options = effective(file);
  const ConfigFile shown = parsed(config_text(options, ""));
  must(shown.problems.empty(), "what `penstock config show` prints is a configuration");
  must(!config_text(effective(shown), "").empty(), "and has options");
}

void price_table(std::string_view input) {
  const Result<PriceTable> prices = parse_price_table(input, config_path);
  if (!prices)
    return must(prices.error().message().starts_with(config_path), "a problem has its place");
  for (const double price :
       {prices->put, prices->get, prices->remove, prices->received, prices->sent})
    must(price >= 0 && std::isfinite(price), "a price is a number that is not negative");
  must(!prices->currency.empty() && prices->currency.size() <= 8, "a currency is short");
}

void option_value(std::string_view input) {
  if (const Result<uint64_t> size = parse_size(input)) {
    const Result<uint64_t> again = parse_size(size_text(*size));
    must(again && *again == *size, "a size that is written is the same");
  }
  if (const Result<uint64_t> time = parse_duration(input)) {
    const Result<uint64_t> again = parse_duration(duration_text(*time));
    must(again && *again == *time, "a time that is written is the same");
  }
  std::set<ValueKind> seen;
  for (const OptionRow& row : option_table()) {
    if (!seen.insert(row.kind).second) continue;
    Options options;
    if (!set_value(row, input, "/", options)) continue;
    set_and_show({.row = &row, .value = std::string(input), .place = {}});
  }
}

}  // namespace penstock::fuzz
