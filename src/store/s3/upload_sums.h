// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bounded_map.h"
#include "base/mutex.h"
#include "penstock/object_store.h"

namespace penstock {

/// The CRC32C of the parts of those uploads that the server makes checksums for: what it has said
/// so to when it began them. From these follows that of the whole object, by which the server
/// checks what it puts together. Forgets the oldest uploads where there are very many; those of an
/// earlier process are not known. Thread-safe.
class UploadSums {
 public:
  /// The server has begun an upload and will check it.
  void begin(const std::string& upload_id) EXCLUDES(mutex_);
  bool knows(const std::string& upload_id) const EXCLUDES(mutex_);
  /// Of a part that is stored; without a checksum (of a copy whose server told none), the whole
  /// object's cannot be known.
  void add(const std::string& upload_id, uint32_t number, std::optional<uint32_t> crc)
      EXCLUDES(mutex_);
  /// CRC32C of the object of these parts; nothing where one of them is not known.
  std::optional<uint32_t> whole(const std::string& upload_id,
                                const std::vector<CompletedPart>& parts) const EXCLUDES(mutex_);
  void forget(const std::string& upload_id) EXCLUDES(mutex_);

 private:
  using Parts = std::map<uint32_t, uint32_t>;

  mutable Mutex mutex_;
  BoundedMap<std::string, Parts> uploads_ GUARDED_BY(mutex_){1'000};
};

}  // namespace penstock
