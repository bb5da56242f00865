// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <cstdlib>

#include "fuzz/parsers.h"
#include "fuzz/target.h"

namespace penstock::fuzz {
namespace {

constexpr std::array targets{
    Target{"access_log", access_log},
    Target{"aws_file", aws_file},
    Target{"cache_map", cache_map},
    Target{"config_file", config_file},
    Target{"credentials_json", credentials_json},
    Target{"encoded_key", encoded_key},
    Target{"error_answer", error_answer},
    Target{"folder_tags", folder_tags},
    Target{"hint_lines", hint_lines},
    Target{"http_date", http_date},
    Target{"iso_time", iso_time},
    Target{"journal_log", journal_log},
    Target{"journal_record", journal_record},
    Target{"key_names", key_names},
    Target{"lifecycle", lifecycle},
    Target{"list_page", list_page},
    Target{"list_parts", list_parts},
    Target{"manifest", manifest},
    Target{"metrics", metrics},
    Target{"mount_report", mount_report},
    Target{"mount_table", mount_table},
    Target{"object_headers", object_headers},
    Target{"option_value", option_value},
    Target{"other_answers", other_answers},
    Target{"pid_file", pid_file},
    Target{"price_table", price_table},
    Target{"redirect", redirect},
    Target{"rename_intent", rename_intent},
    Target{"sso_token", sso_token},
    Target{"store_url", store_url},
    Target{"stored_attributes", stored_attributes},
    Target{"sts_answer", sts_answer},
    Target{"words", words},
    Target{"xml", xml},
};

}  // namespace

std::span<const Target> all_targets() { return targets; }

void must(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace penstock::fuzz
