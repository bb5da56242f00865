// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

// Extended attributes "user.*" as user metadata. "user.color" is the entry "color" where name and
// value are what a header can carry: a name of lower-case letters, digits, '-', '.' and '_' that
// means nothing else here, a value of printable ASCII without blanks at its ends. Any other is an
// entry "penstock-xattr-" with the name and the value in hexadecimal. Either way the
// names are without "user.".

/// Null where there is none.
std::optional<std::string> find_xattr(const Metadata& metadata, std::string_view name);
std::vector<std::string> xattr_names(const Metadata& metadata);
/// Replaces what was there.
void put_xattr(Metadata& metadata, std::string_view name, std::string_view value);
/// False where there is none.
bool erase_xattr(Metadata& metadata, std::string_view name);

}  // namespace penstock
