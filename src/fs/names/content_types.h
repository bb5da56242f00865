// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "penstock/object_store.h"

namespace penstock {

/// The media type that the end of a file's name stands for ("a.json": application/json), in letters
/// of either case; empty where it is none of those that are known here.
std::string_view content_type_of(std::string_view name);

/// Gives `metadata` the Content-Type of that name where there is one, and `metadata` has none.
void add_content_type(Metadata& metadata, std::string_view name);

}  // namespace penstock
