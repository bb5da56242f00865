// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

/// 1,234,567,890 → "1.1GiB": three digits at most, so that columns stay narrow.
std::string human_size(uint64_t bytes);

/// "1 file", "2 files".
std::string counted(uint64_t count, std::string_view thing);

/// "45s", "3m05s", "2h07m".
std::string human_time(std::chrono::seconds time);

/// How long something short took: "350us", "1.2ms", "12s"; two digits that count.
std::string human_latency(std::chrono::duration<double> time);

/// The local time of a moment (ns since the epoch) as one word: "2026-01-31T14:05".
std::string local_time(int64_t ns);

/// Bytes that a terminal would act on, or that would end a line, as "\x0a".
std::string printable(std::string_view text);

/// `text` between quotes, as JSON wants it. Bytes above 0x7f pass as they are.
std::string json_string(std::string_view text);

}  // namespace penstock
