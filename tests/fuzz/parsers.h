// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock::fuzz {

// The targets, see Target::run. Each stands beside those of its layer: store_*_targets.cc,
// fs_targets.cc and so on. What is special about the input of one is said there.

void access_log(std::string_view input);
void aws_file(std::string_view input);
void cache_map(std::string_view input);
void config_file(std::string_view input);
void credentials_json(std::string_view input);
void encoded_key(std::string_view input);
void error_answer(std::string_view input);
void folder_tags(std::string_view input);
void hint_lines(std::string_view input);
void http_date(std::string_view input);
void iso_time(std::string_view input);
void journal_log(std::string_view input);
void journal_record(std::string_view input);
void key_names(std::string_view input);
void lifecycle(std::string_view input);
void list_page(std::string_view input);
void list_parts(std::string_view input);
void manifest(std::string_view input);
void metrics(std::string_view input);
void mount_report(std::string_view input);
void mount_table(std::string_view input);
void object_headers(std::string_view input);
void option_value(std::string_view input);
void other_answers(std::string_view input);
void pid_file(std::string_view input);
void price_table(std::string_view input);
void redirect(std::string_view input);
void rename_intent(std::string_view input);
void sso_token(std::string_view input);
void store_url(std::string_view input);
void stored_attributes(std::string_view input);
void sts_answer(std::string_view input);
void words(std::string_view input);
void xml(std::string_view input);

}  // namespace penstock::fuzz
