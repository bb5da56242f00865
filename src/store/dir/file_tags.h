// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/object_store.h"

namespace penstock {

/// The version that a file is: changes with every write to it and with every file that takes its
/// place.
ETag etag_of(const struct stat& status);

/// A list of strings as bytes and back (nothing if the bytes are not of that form).
std::string encode_strings(const std::vector<std::string>& strings);
std::optional<std::vector<std::string>> decode_strings(std::string_view bytes);

/// The same for metadata: names and values in turn.
std::string encode_metadata(const Metadata& metadata);
std::optional<Metadata> decode_metadata(std::string_view bytes);

/// Sets a file's metadata as extended attributes. False, with the file as it was, where they cannot
/// be: the file system has none, or not enough room.
bool set_metadata_attributes(int file, const Metadata& metadata);
Metadata metadata_attributes(int file);

/// The mark that makes a folder an object of its own.
struct FolderMark {
  int64_t time_ns = 0;  ///< When it was put, in no two marks the same.
  Metadata metadata;
};

/// Replaces the mark at once. 0, or the errno why not.
int set_folder_mark(int folder, const FolderMark& mark);
std::optional<FolderMark> folder_mark(int folder);
void remove_folder_mark(int folder);

}  // namespace penstock
