// SPDX-License-Identifier: Apache-2.0
// What other clients can write into the bucket, and names that come from there.
#include <algorithm>
#include <string>

#include "base/word.h"
#include "fs/moves/intent.h"
#include "fs/names/attributes.h"
#include "fs/names/key_names.h"
#include "fs/names/utf8.h"
#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "penstock/archive.h"

namespace penstock::fuzz {
namespace {

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool same_attributes(const StoredAttributes& one, const StoredAttributes& other) {
  return one.mode == other.mode && one.type == other.type && one.uid == other.uid &&
         one.gid == other.gid && one.device == other.device && one.mtime_ns == other.mtime_ns &&
         one.atime_ns == other.atime_ns && one.target == other.target &&
         one.children_carry == other.children_carry;
}

/// Components of keys, with names that are UTF-8 or any bytes.
void component(const KeyNames& names, std::string_view key) {
  const std::optional<std::string> name = names.name_of(key);
  if (!name) return;
  must(!name->empty() && name->size() <= max_name_bytes, "a name has a length that names have");
  must(*name != "." && *name != "..", "no key leads out of its folder");
  must(name->find('/') == std::string::npos && name->find('\0') == std::string::npos,
       "a name is one name");
  must(names.component_of(*name) == key, "a name leads to its key");
}

}  // namespace

/// Lines of metadata, "name: value".
void stored_attributes(std::string_view input) {
  Metadata metadata;
  while (!input.empty()) {
    const std::string_view line = take_line(input);
    const size_t colon = line.find(": ");
    if (colon != std::string_view::npos)
      metadata.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  const StoredAttributes found = parse_attributes(metadata);
  must(!found.mode || *found.mode <= 07777, "a mode is permissions alone");
  must(found.type != FileType::file && found.type != FileType::directory,
       "only a key tells files from directories");
  for (const auto& [name, value] : found.other)
    must(metadata.at(name) == value, "what is not understood stays as it is");
  const StoredAttributes again = parse_attributes(to_metadata(found, FileType::file));
  const StoredAttributes twice = parse_attributes(to_metadata(again, FileType::file));
  must(again.uid == found.uid && again.gid == found.gid && again.mtime_ns == found.mtime_ns &&
           again.atime_ns == found.atime_ns && again.target == found.target &&
           again.type == found.type,
       "attributes that are written are read as the same");
  must(same_attributes(again, twice), "and stay so");
}

void rename_intent(std::string_view input) {
  const Result<Intent> intent = parse_intent(input);
  if (!intent) return must(intent.code() == Code::corrupt, "what is no intent is corrupt");
  must(!intent->moves.empty() && intent->step < intent->moves.size(), "its step is one of its own");
  for (const Move& move : intent->moves)
    must(!move.from.empty() && !move.to.empty(), "a move is from somewhere to somewhere");
  const std::string written = to_text(*intent);
  const Result<Intent> again = parse_intent(written);
  must(again && to_text(*again) == written, "an intent that is written is read as the same");
}

void key_names(std::string_view input) {
  const KeyNames any_bytes(false);
  const KeyNames utf8(true);
  for (std::string_view rest = input; !rest.empty();) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view one = rest.substr(0, slash);
    component(any_bytes, one);
    component(utf8, one);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  if (const auto points = code_points(input)) {
    std::string text;
    for (const char32_t point : *points) append_character(text, point);
    must(text == input, "UTF-8 that is written is the same");
  }
}

void words(std::string_view input) {
  const std::string word = encode_word(input);
  must(!word.empty() && word.find_first_of(" \n") == std::string::npos, "a word is one word");
  must(decode_word(word) == input, "a word that is written is read as the same");
  const std::optional<std::string> text = decode_word(input);
  if (text) must(decode_word(encode_word(*text)) == text, "so is what was read");
  const Result<RestoreWish> wish = parse_restore_wish(input, {});
  if (!wish) must(!wish.error().message().empty(), "a wish that is none is explained");
}

}  // namespace penstock::fuzz
