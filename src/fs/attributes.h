// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "penstock/file_system.h"
#include "penstock/object_store.h"

namespace penstock {

/// The POSIX attributes that travel as an object's user metadata, under the names that s3fs uses
/// (mode, uid, gid, mtime), and the metadata of others, which is carried along untouched. Absent:
/// the mount's defaults apply.
struct StoredAttributes {
  std::optional<uint32_t> mode;  ///< Permission bits (07777).
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> mtime_ns;  ///< Since the epoch.
  Metadata other;

  /// True where any of them is there.
  bool any() const noexcept { return mode || uid || gid || mtime_ns; }
};

/// Values that make no sense (foreign formats) are left in `other` and otherwise ignored.
StoredAttributes parse_attributes(const Metadata& metadata);

/// The inverse. `mode` is written with its file type, in decimal, and mtime in seconds with a
/// fraction where it has one, as s3fs does (s3fs-fuse, metaheader.cpp).
Metadata to_metadata(const StoredAttributes& attributes, FileType type);

}  // namespace penstock
