// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace penstock {

/// Why what this process keeps in the folder could be read, replaced or forged by another user of
/// the machine than root and `user`, as a clause for a person ("it belongs to user 1001"); nothing
/// where it could not, or where the folder does not exist yet and could not be made by another.
///
/// The folder must belong to `user` and be written by nobody else; each folder on the way to it
/// belongs to `user` or root, and so does each symbolic link, which is followed. Of the folders on
/// the way those that everybody writes to must be sticky (/tmp). Blocks on the disk.
std::optional<std::string> why_folder_is_unsafe(const std::string& folder, uid_t user);

/// The same of a file that is to be written: where everybody may make files beside it, it belongs
/// to `user`, is no link of others, or does not exist yet.
std::optional<std::string> why_file_is_unsafe(const std::string& file, uid_t user);

/// Whether every user of this machine may read the file: by its mode, and those of the folders on
/// the way. To let a group read it is the owner's choice. Blocks on the disk.
bool everybody_may_read(const std::string& file);

}  // namespace penstock
