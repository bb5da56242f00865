// SPDX-License-Identifier: Apache-2.0
#include "app/commands/run_command.h"

#include <exception>

#include "app/configured.h"
#include "app/wrong.h"
#include "config/render.h"

namespace penstock {

int run_command(const CommandRow& row, std::span<const std::string> arguments,
                const Streams& streams, const Environment& environment,
                const std::function<Result<int>(const CommandArguments&)>& work, int failure) {
  const Result<CommandArguments> parsed = parse_configured(row, arguments, environment);
  if (parsed && parsed->help) {
    streams.out << render_command_help(row.name);
    return 0;
  }
  Result<int> status = failure;
  try {
    status = parsed ? work(*parsed) : Result<int>(parsed.error());
  } catch (const std::exception& error) {  // no temporary file, no descriptors
    status = wrong(error.what());
  }
  if (status) return *status;
  streams.err << "penstock: " << status.error().message() << "\n";
  return failure;
}

}  // namespace penstock
