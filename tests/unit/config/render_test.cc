// SPDX-License-Identifier: Apache-2.0
#include "config/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "config/command_table.h"
#include "config/option_table.h"
#include "config/preset_table.h"
#include "config/values.h"
#include "support/catch.h"

namespace penstock {
namespace {

std::set<std::string> table_names(bool advanced_too) {
  std::set<std::string> names;
  for (const OptionRow& row : option_table()) {
    if (advanced_too || !row.advanced) names.emplace(row.name);
  }
  return names;
}

/// Every --name at the place where `pattern` finds one.
std::set<std::string> names_in(const std::string& text, const char* pattern) {
  std::set<std::string> names;
  const std::regex regex(pattern, std::regex::ECMAScript | std::regex::multiline);
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    names.insert((*match)[1]);
  }
  return names;
}

TEST_CASE("help shows exactly the options of the table") {
  const char* at_line_start = "^  (?:-[a-z], )?--([a-z-]+)";
  CHECK(names_in(render_help(false), at_line_start) == table_names(false));
  CHECK(names_in(render_help(true), at_line_start) == table_names(true));
}

TEST_CASE("help fits a terminal") {
  for (const bool all : {false, true}) {
    std::istringstream lines(render_help(all));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      INFO(line);
      CHECK(line.size() <= 80);
    }
    if (!all) CHECK(count <= 54);
  }
}

TEST_CASE("docs/options.md shows exactly the options of the table and is current") {
  const std::string page = render_options_page();
  CHECK(names_in(page, "^### `--([a-z-]+)") == table_names(true));
  std::ifstream in(PENSTOCK_OPTIONS_PAGE);
  const std::string stored{std::istreambuf_iterator<char>(in), {}};
  INFO("regenerate with: penstock --generate options-page > docs/options.md");
  CHECK((stored == page));
}

TEST_CASE("docs/configuration.md has the presets as they are") {
  std::ifstream in(PENSTOCK_CONFIGURATION_PAGE);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  INFO("its section Presets ends with what this prints: penstock --generate presets");
  CHECK(page.find("\n" + render_presets()) != std::string::npos);
}

TEST_CASE("each preset sets options of the table, each once, with a reason") {
  std::string words = "none";
  for (const Preset& preset : preset_table()) {
    words += fmt::format("|{}", preset.name);
    std::set<std::string_view> names;
    for (const PresetSetting& setting : preset.settings) {
      INFO(preset.name << " " << setting.option);
      const OptionRow* const row = find_option(setting.option);
      REQUIRE(row != nullptr);
      CHECK(names.insert(row->name).second);
      Options options;
      CHECK(set_value(*row, setting.value, "/", options));
      CHECK(value_text(*row, options) != value_text(*row, Options{}));
      CHECK_FALSE(setting.reason.empty());
    }
  }
  CHECK(find_option("preset")->value == words);
}

TEST_CASE("completion offers every option") {
  const std::string script = render_bash_completion();
  for (const std::string& name : table_names(true))
    CHECK(script.find("--" + name) != std::string::npos);
  CHECK(script.find(
            "compgen -W 'mount umount warm restore archive tier verify cache status stats doctor "
            "credentials replay config "
            "help version "
            "--help --help-all "
            "--version'") != std::string::npos);
  CHECK(script.find("'umount') names='--help --lazy --force --detach-pending --config'") !=
        std::string::npos);
  CHECK(script.find("'status') names='--help --json") != std::string::npos);
}

TEST_CASE("every command of the table is a word that may be typed") {
  for (const CommandRow& row : command_table()) {
    const std::string_view word = row.name.substr(0, row.name.find(' '));
    CHECK(std::ranges::count(command_words(), word) == 1);
  }
}

TEST_CASE("the table's defaults are those of a default-constructed Options") {
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    const std::string initial = row.kind == ValueKind::flag ? "no" : std::string(row.initial);
    CHECK(value_text(row, Options{}) == initial);
    if (row.initial.empty()) continue;
    Options options;
    CHECK(set_value(row, row.initial, "/", options));
    CHECK(value_text(row, options) == row.initial);
  }
}

TEST_CASE("every row is complete, and every name is there once") {
  std::set<std::string_view> names;
  std::set<char> letters;
  std::set<const void*> targets;
  Options options;
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    if (!row.alias.empty()) CHECK(names.insert(row.alias).second);
    if (row.letter != 0) CHECK(letters.insert(row.letter).second);
    CHECK(row.value.empty() == (row.kind == ValueKind::flag));
    CHECK_FALSE(row.help.empty());
    CHECK(row.paragraph.ends_with("."));
    CHECK(std::visit([&](auto* member) { return targets.insert(member).second; },
                     row.target(options)));
    CHECK(find_option(row.name) == &row);
  }
}

}  // namespace
}  // namespace penstock
