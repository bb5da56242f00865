// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/option_table.h"

namespace penstock {

/// What help shows as the default: "1s", "as the AWS CLI"; empty for flags.
std::string_view default_words(const OptionRow& row);

/// What the page of options says of one below its heading, in Markdown: a short paragraph with the
/// default and other names, then the long one.
std::string option_text(const OptionRow& row);

}  // namespace penstock
