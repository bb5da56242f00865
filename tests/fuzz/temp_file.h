// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock::fuzz {

/// The path of a file that holds `text` and that only this process uses, for parsers that read
/// files; the next call replaces it. It goes with the process that made its folder.
const std::string& file_with(std::string_view text);

/// The folder of that file, which only this user may write to.
const std::string& own_folder();

}  // namespace penstock::fuzz
