// SPDX-License-Identifier: Apache-2.0
#include "config/man_page.h"

#include <fmt/format.h>

#include <string>

#include "config/command_table.h"
#include "config/option_table.h"
#include "config/preset_table.h"
#include "support/catch.h"

namespace penstock {
namespace {

std::string page(std::string_view name) {
  for (const ManPage& one : man_pages()) {
    if (one.name == name) return one.render();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("roff takes nothing for a request or an escape") {
  CHECK(roff("a-b \\ 'x' ~/y") == "a\\-b \\e \\(aqx\\(aq \\(ti/y");
  CHECK(roff(".SH\n.x") == "\\&.SH\n\\&.x");
  CHECK(roff("`--x` and **y**") == "\\fB\\-\\-x\\fR and \\fBy\\fR");
  CHECK(roff("see [options](options.md).") == "see options.");
  CHECK(roff("see [this](configuration.md#presets).") == "see penstock.toml(5).");
  CHECK(roff("s3://B[/P], [OPTIONS] URL") == "s3://B[/P], [OPTIONS] URL");
}

TEST_CASE("penstock-mount(8) has every option with its paragraph") {
  const std::string text = page("penstock-mount");
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    CHECK(contains(text, fmt::format("\\fB{}\\fR", roff(fmt::format("--{}", row.name)))));
    CHECK(contains(text, "\n" + roff(row.paragraph) + "\n"));
  }
}

TEST_CASE("penstock(1) has every command with its options") {
  const std::string text = page("penstock");
  for (const CommandRow& command : command_table()) {
    INFO(command.name);
    const size_t begin = text.find(fmt::format(".SS \"penstock {}\"\n", command.name));
    REQUIRE(begin != std::string::npos);
    const std::string own = text.substr(begin, text.find("\n.S", begin + 1) - begin);
    for (const CommandOption& option : command.options) {
      CHECK(contains(own, roff(fmt::format("`--{}`", option.name))));
    }
    for (const std::string_view name : command.mount_options)
      CHECK(contains(own, roff(fmt::format("`--{}`", name))));
  }
}

TEST_CASE("penstock.toml(5) has every option that a file may have, and every preset") {
  const std::string text = page("penstock.toml");
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    const bool there =
        contains(text, fmt::format(".TP\n{}\n", roff(fmt::format("`{}`", row.name))));
    CHECK(there != row.command_line_only);
  }
  for (const Preset& preset : preset_table()) {
    CHECK(contains(text, fmt::format(".SS \"{}\"\n", preset.name)));
    for (const PresetSetting& setting : preset.settings)
      CHECK(contains(text, roff(fmt::format("`{}` = {}", setting.option, setting.value))));
  }
}

}  // namespace
}  // namespace penstock
