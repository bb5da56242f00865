// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "app/environment.h"
#include "config/command_parse.h"

namespace penstock {

/// Runs a command that the configuration files count for to its exit status: what `work` fails with
/// or throws is printed, and the status is `failure` then; the command's help is printed where that
/// is asked for.
int run_command(const CommandRow& row, std::span<const std::string> arguments,
                const Streams& streams, const Environment& environment,
                const std::function<Result<int>(const CommandArguments&)>& work, int failure = 1);

}  // namespace penstock
