// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "penstock/file_system.h"
#include "penstock/object_store.h"

namespace penstock {

/// The POSIX attributes that travel as an object's user metadata, under the names that s3fs uses
/// (mode, uid, gid, mtime, atime), and all else that the object carries, headers and the metadata
/// of others, which is kept untouched.
/// Absent: the mount's defaults apply. What GeeseFS (rdev, --symlink-target), rclone (mtime),
/// gcsfuse (gcsfuse_mtime, gcsfuse_symlink_target) and gsutil (goog-reserved-posix-*) wrote is
/// understood too, and written under the names above when the object is next written.
struct StoredAttributes {
  std::optional<uint32_t> mode;  ///< Permission bits (07777).
  std::optional<FileType> type;  ///< Of what is neither a regular file nor a directory.
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint32_t> device;    ///< Of device nodes.
  std::optional<int64_t> mtime_ns;   ///< Since the epoch.
  std::optional<int64_t> atime_ns;   ///< Where a program set it.
  std::optional<std::string> target; /**< Of a symbolic link whose object's bytes are not its target
                                          (GeeseFS, older gcsfuse). */
  /// Of a directory: something in it carries attributes that its listing does not show.
  bool children_carry = false;
  Metadata other;

  bool operator==(const StoredAttributes&) const = default;
  /// True where any of them is there.
  bool any() const noexcept { return mode || type || uid || gid || mtime_ns || atime_ns || target; }
};

/// Values that make no sense (foreign formats) are left in `other` and otherwise ignored.
StoredAttributes parse_attributes(const Metadata& metadata);

/// The inverse. `type` is what the key says: a file or a directory. `mode` is written with its file
/// type, in decimal, and times in seconds with a fraction where they have one, as s3fs does
/// (s3fs-fuse, metaheader.cpp).
Metadata to_metadata(const StoredAttributes& attributes, FileType type);

/// What a copy of `source` carries: all that the source does, and its time. Else the copy, a new
/// object, would have one of its own.
Metadata with_time(const ObjectInfo& source);

/// The mode without its set-user-ID bit, and without its set-group-ID bit where the group may
/// execute (else it means mandatory locking: chmod(2)).
uint32_t without_set_ids(uint32_t mode);

/// Whether the name is one that to_metadata writes, or that parse_attributes understands.
bool is_attribute_name(std::string_view name);

/// What S3 counts against its limit of 2 KB: the bytes of all names and values of user metadata
/// (Amazon S3 User Guide, "Working with object metadata").
size_t metadata_bytes(const Metadata& metadata);
constexpr size_t max_metadata_bytes = 2048;
/// What is kept of that for entries that come later: the time of a file whose object is copied, and
/// the mark of its writer.
constexpr size_t reserved_metadata_bytes = 80;

}  // namespace penstock
