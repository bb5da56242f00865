// SPDX-License-Identifier: Apache-2.0
#include "config/command_parse.h"

#include <set>
#include <string>
#include <vector>

#include "config/option_table.h"
#include "config/render.h"
#include "support/catch.h"

namespace penstock {
namespace {

CommandArguments good_command(std::string_view command, const std::vector<std::string>& arguments) {
  const Result<CommandArguments> parsed =
      parse_command(command_row(command), arguments, "/home/ann");
  INFO((parsed ? "" : std::string(parsed.error().message())));
  REQUIRE(parsed);
  return *parsed;
}

std::string bad_command(std::string_view command, const std::vector<std::string>& arguments) {
  const Result<CommandArguments> parsed =
      parse_command(command_row(command), arguments, "/home/ann");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.code() == Code::invalid_argument);
  return std::string(parsed.error().message());
}

TEST_CASE("a command takes its own options and some of mount's, anywhere") {
  const CommandArguments parsed =
      good_command("warm", {"-r", "a", "--manifest", "list", "--cache-dir=c", "b", "--region", "x",
                            "-j8", "--jobs", "9", "--", "--odd"});
  CHECK(parsed.has("recursive"));
  CHECK(parsed.own.at("manifest") == "list");
  CHECK(parsed.own.at("jobs") == "9");
  CHECK(parsed.options.cache.directory == "/home/ann/c");
  CHECK(parsed.options.store.region == "x");
  CHECK(parsed.positional == std::vector<std::string>{"a", "b", "--odd"});
  CHECK(parsed.given == std::vector<std::string_view>{"cache-dir", "region"});
  CHECK_FALSE(parsed.help);
  CHECK(good_command("warm", {"--manifest", "-"}).own.at("manifest") == "-");
  CHECK(good_command("warm", {"-j", "3"}).own.at("jobs") == "3");
  CHECK(good_command("cache ls", {"--help", "--unknown"}).help);
}

TEST_CASE("what a command does not take is said, with what was meant") {
  CHECK(bad_command("cache ls", {"--jsno"}) == "unknown option --jsno; did you mean --json?");
  CHECK(bad_command("cache ls", {"--region", "x"}) ==
        "unknown option --region; see penstock cache ls --help");
  CHECK(bad_command("warm", {"--manifest"}) == "--manifest needs a value: --manifest FILE");
  CHECK(bad_command("warm", {"--recursive=yes"}) == "--recursive takes no value; leave out '=yes'");
  CHECK(bad_command("warm", {"--no-sign-request="}) ==
        "--no-sign-request is neither yes nor no; leave out '='");
  CHECK_FALSE(good_command("warm", {"--no-sign-request", "--no-sign-request=no"})
                  .options.store.no_sign_request);
  CHECK(bad_command("warm", {"-x"}) == "unknown option -x; see penstock warm --help");
  CHECK(bad_command("warm", {"-rx"}) == "unknown option -rx; see penstock warm --help");
  CHECK(bad_command("cache stats", {"--cache-size", "much"}).find("--cache-size") !=
        std::string::npos);
}

TEST_CASE("the table of commands is complete") {
  for (const CommandRow& row : command_table()) {
    INFO(row.name);
    std::set<std::string_view> names;
    for (const CommandOption& option : row.options) {
      CHECK(names.insert(option.name).second);
      CHECK_FALSE(option.help.empty());
    }
    for (const std::string_view name : row.mount_options) {
      CHECK(names.insert(name).second);
      CHECK(find_option(name) != nullptr);
    }
    const std::string help =
        render_command_help(std::string(row.name.substr(0, row.name.find(' '))));
    const std::string completion = render_bash_completion();
    for (const std::string_view name : names) {
      CHECK(help.find("--" + std::string(name)) != std::string::npos);
      CHECK(completion.find("--" + std::string(name)) != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace penstock
