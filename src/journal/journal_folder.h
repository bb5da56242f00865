// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"

namespace penstock {

/// The folders of journals, and what lies in one. Failures are negated errno values.

/// What the names of the folders of this identity and prefix begin with.
std::string folder_hash(std::string_view identity, std::string_view prefix);

/// What is in a journal's folder; other names are passed over.
struct FolderListing {
  std::vector<uint64_t> logs;           ///< Ascending.
  std::vector<uint64_t> segments;       ///< In no order.
  std::vector<std::string> unfinished;  ///< Names of logs that were never put in place.
  std::vector<std::string> damaged;     ///< Names of logs kept because they were.
};
int list_folder(Disk& disk, const std::string& path, FolderListing& listing);

std::string log_path(const std::string& folder, uint64_t number);
std::string reserve_path(const std::string& folder);

/// All of a log; -EFBIG where it is larger than one may be.
int read_log(const std::shared_ptr<Disk>& disk, const std::string& path,
             std::vector<std::byte>& log);

/// Makes the names in a folder durable.
int sync_folder(const std::shared_ptr<Disk>& disk, const std::string& path);
/// Makes a folder with its parents, all durable.
int make_folders(const std::shared_ptr<Disk>& disk, const std::string& path);

/// Locks a folder for its mount. -EWOULDBLOCK: one that lives has it. -ENOENT: it is gone.
int lock_folder(const std::shared_ptr<Disk>& disk, const std::string& path, DiskFile& lock);
/// Whether a mount has the folder locked. A mount keeps the lock to itself for as long as it lives;
/// who only looks shares it for a moment.
bool mount_lives(const std::shared_ptr<Disk>& disk, const std::string& path);
/// Makes a locked folder of its own for a mount; `path` gets its name.
int make_journal_folder(const std::shared_ptr<Disk>& disk, const std::string& directory,
                        const std::string& hash, std::string& path, DiskFile& lock);
/// Removes a locked folder in which nothing is pending. What is not a journal's stays, and the
/// folder then too.
void remove_journal_folder(Disk& disk, const std::string& path);

/// 64 bits that nobody can foretell.
uint64_t random_number();

}  // namespace penstock
