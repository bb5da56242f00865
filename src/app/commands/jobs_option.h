// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/command_parse.h"

namespace penstock {

/// How many things a command does at once: what --jobs says, else `usual`. The error is a sentence
/// for a person: it is no number from 1 to `most`.
Result<uint32_t> jobs_of(const CommandArguments& arguments, uint32_t usual, uint32_t most);

}  // namespace penstock
