// SPDX-License-Identifier: Apache-2.0
#include "app/commands/cache_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "app/commands/cache_actions.h"
#include "app/configured.h"
#include "app/directories.h"
#include "app/wrong.h"
#include "base/log.h"
#include "config/render.h"
#include "config/suggest.h"

namespace penstock {
namespace {

struct Action {
  std::string_view word;
  Result<int> (*run)(const CacheTask& task);
};

constexpr std::array<Action, 4> actions{{{"ls", list_cache},
                                         {"stats", show_cache_stats},
                                         {"verify", verify_cache},
                                         {"evict", evict_from_cache}}};

const Action* find_action(const std::string& word) {
  for (const Action& action : actions) {
    if (action.word == word) return &action;
  }
  return nullptr;
}

Error unknown_action(const std::string& word) {
  constexpr std::array<std::string_view, 5> words{"ls", "stats", "verify", "evict", "--help"};
  const std::optional<std::string> near = closest(word, words);
  return wrong(fmt::format("unknown command 'cache {}'; {}", word,
                           near ? fmt::format("did you mean penstock cache {}?", *near)
                                : "there are ls, stats, verify and evict"));
}

/// Looks before a cache is opened: opening makes what is missing.
Result<void> check_directory(const std::string& directory) {
  const std::string objects = directory + "/v1/objects";
  if (access(objects.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  if (errno == EACCES || errno == EROFS) {
    return wrong(fmt::format("{} cannot be used: {}; a cache belongs to the user who mounts",
                             directory, std::strerror(errno)));
  }
  if (access(directory.c_str(), F_OK) == 0)
    return wrong(fmt::format("{} is no cache of Penstock's", directory));
  return wrong(
      fmt::format("{} does not exist; --cache-dir names the directory of the cache", directory));
}

Result<int> run_action(const Action& action, std::span<const std::string> arguments,
                       const Streams& streams, const Environment& environment) {
  const CommandRow& row = command_row(fmt::format("cache {}", action.word));
  const Result<CommandArguments> parsed = parse_configured(row, arguments, environment);
  if (!parsed) return parsed.error();
  if (parsed->help) {
    streams.out << render_command_help("cache");
    return 0;
  }
  if (!parsed->positional.empty())
    return wrong(fmt::format("'{}' is one argument too many", parsed->positional[0]));
  CacheOptions options = parsed->options.cache;
  if (options.directory.empty()) options.directory = default_cache_directory(environment);
  if (options.directory.empty())
    return wrong("you have no home, and thus no default cache; give --cache-dir");
  if (Result<void> checked = check_directory(options.directory); !checked) return checked.error();
  const std::shared_ptr<Log> log = Log::to_file("", LogLevel::warning);
  const auto open = [&](const std::string& store) -> Result<std::unique_ptr<DiskCache>> {
    std::unique_ptr<DiskCache> cache = DiskCache::open(options, store, log);
    if (!cache->usable()) return wrong(fmt::format("{} cannot be used", options.directory));
    return cache;
  };
  return action.run({.arguments = *parsed,
                     .options = options,
                     .open = open,
                     .streams = streams,
                     .terminal = environment.terminal});
}

}  // namespace

int cache_command(std::span<const std::string> arguments, const Streams& streams,
                  const Environment& environment) {
  const std::string word = arguments.empty() ? "" : arguments[0];
  if (word == "--help" || word == "-h") {
    streams.out << render_command_help("cache");
    return 0;
  }
  const Action* action = find_action(word);
  const Result<int> status =
      action != nullptr ? run_action(*action, arguments.subspan(1), streams, environment)
      : word.empty()    ? Result<int>(wrong(
                              "what shall be done with the cache? penstock cache ls, stats, verify or "
                                 "evict"))
                        : Result<int>(unknown_action(word));
  if (status) return *status;
  streams.err << "penstock: " << status.error().message() << "\n";
  return 1;
}

}  // namespace penstock
