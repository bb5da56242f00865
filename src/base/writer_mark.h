// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// The entry of an object's metadata that says which write made it, where an answer may be lost:
/// whoever finds the mark that it has sent knows that the object is its own, whatever the ETag is.
/// File systems neither show it nor carry it on to another object.
inline constexpr std::string_view writer_mark = "penstock-writer";

/// A value that no other write has: 32 hexadecimal digits. Thread-safe.
std::string new_mark();

}  // namespace penstock
