// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "config/option_table.h"
#include "penstock/result.h"

namespace penstock {

/// Sets the option of `row` in `options` to what `text` says. `directory` is what a relative path
/// is relative to. A text that is no such value is Code::invalid_argument with a message that says
/// what a right one looks like; then nothing is changed. A flag is "yes" or "no" ("true", "false");
/// empty is yes.
Result<void> set_value(const OptionRow& row, std::string_view text, const std::string& directory,
                       Options& options);

/// The option's value in `options` as one would type it: "4GiB", "1s", "0644", "auto". Flags are
/// "yes" or "no".
std::string value_text(const OptionRow& row, const Options& options);

/// "512M", "4GiB", "100KB" (1,000 bytes each), "4096" as bytes. invalid_argument without a message
/// otherwise.
Result<uint64_t> parse_size(std::string_view text);
/// "500ms", "60s", "5m", "1h", "60" (seconds) as milliseconds. invalid_argument without a message
/// otherwise.
Result<uint64_t> parse_duration(std::string_view text);

/// 8388608 → "8MiB"; the largest unit that leaves no remainder.
std::string size_text(uint64_t bytes);
/// 90000 → "90s", 60000 → "60s"; the largest unit of which there are several, and no remainder.
std::string duration_text(uint64_t milliseconds);

}  // namespace penstock
