// SPDX-License-Identifier: Apache-2.0
#include "app/commands/jobs_option.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <system_error>

#include "app/wrong.h"

namespace penstock {

Result<uint32_t> jobs_of(const CommandArguments& arguments, uint32_t usual, uint32_t most) {
  const auto given = arguments.own.find("jobs");
  if (given == arguments.own.end()) return usual;
  const std::string& text = given->second;
  uint32_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value == 0 || value > most)
    return wrong(fmt::format("--jobs {} is no number from 1 to {}", text, most));
  return value;
}

}  // namespace penstock
