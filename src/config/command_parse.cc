// SPDX-License-Identifier: Apache-2.0
#include "config/command_parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/option_table.h"
#include "config/suggest.h"
#include "config/values.h"

namespace penstock {
namespace {

Error wrong(std::string message) { return Error(Code::invalid_argument, std::move(message)); }

class CommandParser {
 public:
  CommandParser(const CommandRow& command, std::span<const std::string> arguments,
                const std::string& directory, const Options& base)
      : command_(command), arguments_(arguments), directory_(directory) {
    parsed_.options = base;
  }

  Result<CommandArguments> run() {
    bool only_positional = false;
    while (next_ < arguments_.size() && !parsed_.help) {
      const std::string& argument = arguments_[next_++];
      Result<void> taken;
      if (only_positional || argument == "-" || !argument.starts_with("-")) {
        parsed_.positional.push_back(argument);
      } else if (argument == "--") {
        only_positional = true;
      } else if (argument.starts_with("--")) {
        taken = take_long(std::string_view(argument).substr(2));
      } else {
        taken = take_letter(std::string_view(argument).substr(1));
      }
      if (!taken) return taken.error();
    }
    return std::move(parsed_);
  }

 private:
  using Value = std::optional<std::string_view>;

  Result<void> take_long(std::string_view argument) {
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const Value value =
        equals == std::string_view::npos ? Value() : Value(argument.substr(equals + 1));
    if (name == "help" || name == "help-all") {
      parsed_.help = true;
      return {};
    }
    const auto own = std::ranges::find(command_.options, name, &CommandOption::name);
    if (own != command_.options.end()) return take_own(*own, value);
    if (std::ranges::find(command_.mount_options, name) != command_.mount_options.end())
      return take_row(*find_option(name), value);
    return unknown(name);
  }

  /// One letter, with its value behind it or in the next argument.
  Result<void> take_letter(std::string_view letters) {
    if (letters == "h") {
      parsed_.help = true;
      return {};
    }
    const auto own = std::ranges::find(command_.options, letters[0], &CommandOption::letter);
    const bool alone = letters.size() == 1;
    if (own == command_.options.end() || (own->value.empty() && !alone)) {
      return wrong(fmt::format("unknown option -{}; see penstock {} --help", letters,
                               command_.name.substr(0, command_.name.find(' '))));
    }
    return take_own(*own, alone ? Value() : Value(letters.substr(1)));
  }

  Result<void> take_own(const CommandOption& option, Value value) {
    if (Result<void> complete = complete_value(option.name, option.value, value); !complete)
      return complete;
    parsed_.own[std::string(option.name)] = value.value_or("");
    return {};
  }

  Result<void> take_row(const OptionRow& row, Value value) {
    if (row.kind == ValueKind::flag) {
      if (value && value->empty())
        return wrong(fmt::format("--{} is neither yes nor no; leave out '='", row.name));
    } else if (Result<void> complete = complete_value(row.name, row.value, value); !complete) {
      return complete;
    }
    parsed_.given.push_back(row.name);
    return set_value(row, value.value_or(""), directory_, parsed_.options);
  }

  /// Takes the next argument as the value where one is needed.
  Result<void> complete_value(std::string_view name, std::string_view words, Value& value) {
    if (words.empty() && value)
      return wrong(fmt::format("--{} takes no value; leave out '={}'", name, *value));
    if (words.empty() || value) return {};
    if (next_ == arguments_.size())
      return wrong(fmt::format("--{} needs a value: --{} {}", name, name, words));
    value = arguments_[next_++];
    return {};
  }

  Error unknown(std::string_view name) const {
    std::vector<std::string_view> names{"help"};
    for (const CommandOption& option : command_.options) names.push_back(option.name);
    names.insert(names.end(), command_.mount_options.begin(), command_.mount_options.end());
    const std::optional<std::string> near = closest(name, names);
    return wrong(fmt::format("unknown option --{}; {}", name,
                             near ? fmt::format("did you mean --{}?", *near)
                                  : fmt::format("see penstock {} --help", command_.name)));
  }

  const CommandRow& command_;
  const std::span<const std::string> arguments_;
  const std::string& directory_;
  size_t next_ = 0;
  CommandArguments parsed_;
};

}  // namespace

Result<CommandArguments> parse_command(const CommandRow& command,
                                       std::span<const std::string> arguments,
                                       const std::string& directory, const Options& base) {
  return CommandParser(command, arguments, directory, base).run();
}

}  // namespace penstock
