// SPDX-License-Identifier: Apache-2.0
#include "app/commands/credentials_command.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <utility>

#include "app/commands/run_command.h"
#include "app/human_text.h"
#include "app/wait_for.h"
#include "app/wrong.h"
#include "base/worker_pool.h"
#include "store/s3/credentials_json.h"
#include "store/store_origin.h"

namespace penstock {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

Result<CredentialsOrigin> find(const StoreOptions& options) {
  WorkerPool workers("credentials", 1);
  const Result<std::unique_ptr<CredentialsSearch>> search =
      CredentialsSearch::make(options, workers, Log::to_file("", LogLevel::warning));
  if (!search) return search.error();
  return wait_for<CredentialsOrigin>(
      [&](Done<CredentialsOrigin> done) { (*search)->find(std::move(done)); });
}

bool ends(const CredentialsOrigin& found) {
  return found.expires != system_clock::time_point::max();
}

std::string text_of(const CredentialsOrigin& found, seconds left) {
  std::string until = found.temporary ? "nothing tells when they end" : "they do not end";
  if (ends(found))
    until = fmt::format("{}, for another {}", iso_time(found.expires), human_time(left));
  return fmt::format("from:   {}\nuntil:  {}\n", printable(found.source), until);
}

std::string json_of(const CredentialsOrigin& found, seconds left) {
  const bool known = ends(found);
  return fmt::format(
      "{{\"source\": {}, \"temporary\": {}, \"expires\": {}, \"seconds_left\": {}}}\n",
      json_string(found.source), found.temporary,
      known ? json_string(iso_time(found.expires)) : "null",
      known ? fmt::format("{}", left.count()) : "null");
}

Result<int> tell(const CommandArguments& arguments, const Streams& streams) {
  if (!arguments.positional.empty())
    return wrong(fmt::format("'{}' is one argument too many", arguments.positional[0]));
  const Result<CredentialsOrigin> found = find(arguments.options.store);
  if (!found) return found.error();
  const auto left = std::chrono::duration_cast<seconds>(found->expires - system_clock::now());
  streams.out << (arguments.has("json") ? json_of(*found, left) : text_of(*found, left));
  return 0;
}

}  // namespace

int credentials_command(std::span<const std::string> arguments, const Streams& streams,
                        const Environment& environment) {
  return run_command(command_row("credentials"), arguments, streams, environment,
                     [&](const CommandArguments& parsed) { return tell(parsed, streams); });
}

}  // namespace penstock
