// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/upload_registry.h"
#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// A copy inside the store, of any size.
struct CopyObject {
  std::string source;
  std::string target;
  uint64_t size = 0;
  ETag etag;  ///< The version to copy; Code::changed if it is another one by now.
  std::optional<Metadata> metadata;  ///< Absent: the source's.
  Precondition condition = {};       ///< Of what is under the target's key.
  /// Not null, where `metadata` is absent: makes those of the copy from what the source tells, for
  /// which it is asked first.
  Metadata (*describe)(const ObjectInfo& source) = nullptr;
};

struct CopyLimits {
  /// Above this, parts are copied in parallel: one CopyObject of 1 GiB takes seconds on a real
  /// store.
  uint64_t parallel_above = 256ULL << 20;
  uint64_t part_size = 64ULL << 20;  ///< Grows where 10,000 parts of it would not do.
  uint32_t parts_in_flight = 16;     ///< Of one copy.
};

/// Copies objects server-side: one CopyObject, or a multipart upload of UploadPartCopies side by
/// side; where the store copies no parts, one CopyObject of whatever size, which the store may
/// refuse. Thread-safe; the store and the registry must outlive it, and it its copies.
class ObjectCopier {
 public:
  ObjectCopier(ObjectStore& store, UploadRegistry& uploads, CopyLimits limits = {})
      : store_(store), uploads_(uploads), limits_(limits) {}

  /// The target's new information. After an error there is no new target, and no upload left
  /// behind.
  void copy(CopyObject request, Done<ObjectInfo> done);

 private:
  /// With its metadata, where they matter.
  void copy_described(CopyObject request, bool in_parts, Done<ObjectInfo> done);

  ObjectStore& store_;
  UploadRegistry& uploads_;
  const CopyLimits limits_;
};

}  // namespace penstock
