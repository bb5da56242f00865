// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "penstock/object_store.h"

namespace penstock {

/// What became of one object that was checked.
struct ObjectVerdict {
  enum class Kind : uint8_t {
    good,        ///< Its bytes are those of the store's checksum.
    differs,     ///< Twice they were not.
    unchecked,   ///< There is no checksum that can be checked; nothing was read.
    changed,     ///< It was replaced each time while it was read.
    gone,        ///< It was deleted since it was listed.
    unreadable,  ///< It is archived, or the store refuses it, or does not answer.
  };
  Kind kind = Kind::good;
  std::string name;           ///< The key, or the place that cannot be listed.
  std::string checksum = {};  ///< "CRC32C", "MD5 (ETag)"; of `good` and `differs`.
  std::string expected = {};  ///< As the store writes it; of `differs`, as the next ones.
  std::string found = {};
  uint32_t part = 0;          ///< Which part of an upload differs; 0: not known.
  ByteRange range = {};       ///< Of that part.
  std::string why = {};       ///< A sentence, of `unchecked` and `unreadable`.
  bool damaged_once = false;  ///< Of `good`: it was read twice, and differed the first time.
};

/// As JSON has it: "differs".
const char* name_of(ObjectVerdict::Kind kind);
/// "differs: KEY: CRC32C …", in one line without its end; nothing in it acts on a terminal.
std::string verdict_line(const ObjectVerdict& verdict);
/// An object of JSON.
std::string verdict_json(const ObjectVerdict& verdict);

}  // namespace penstock
