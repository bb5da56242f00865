// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "server/content.h"
#include "server/encryption.h"

namespace penstock::test {

/// What a writer gives with an object besides its bytes.
struct ObjectHeaders {
  std::map<std::string, std::string> metadata;  ///< Without "x-amz-meta-".
  /// Content-Type and the like by lower-case name, as GET gives them back.
  std::map<std::string, std::string> standard;
  std::string storage_class;  ///< Empty: STANDARD.
  std::string website_redirect;
  std::vector<std::pair<std::string, std::string>> tags;
};

/// The copy of an archived object that a RestoreObject makes.
struct RestoredCopy {
  using Clock = std::chrono::steady_clock;
  Clock::time_point ready;  ///< Until then it is being made.
  Clock::time_point until;  ///< Then it is gone again.
  time_t expiry = 0;        ///< What `until` is called.
};

struct Object {
  Content body;
  std::string etag;  ///< Without quotes.
  time_t last_modified = 0;
  ObjectHeaders headers;
  std::map<std::string, std::string> checksums;  ///< Header name -> base64.
  std::vector<uint64_t> part_sizes;              ///< Of a multipart upload.
  std::vector<std::string> part_crcs;            ///< CRC32C in base64, where it is COMPOSITE.
  std::string archive_tier;  ///< Of INTELLIGENT_TIERING: ARCHIVE_ACCESS and the like, or none.
  std::optional<RestoredCopy> restored;
  Encryption encryption;
};

struct Part {
  Content body;
  std::string etag;
  uint32_t crc32c = 0;  ///< Of a checked upload's.
  time_t last_modified = 0;
};

struct Upload {
  std::string key;
  ObjectHeaders headers;
  bool checked = false;    ///< Begun with a CRC32C: of the full object, or
  bool composite = false;  ///< of the CRC32Cs of its parts.
  time_t initiated = 0;
  std::map<uint64_t, Part> parts;
  Encryption encryption;
};

/// A RenameObject that was done, by its x-amz-client-token.
struct RenameDone {
  std::string source;
  std::string target;
};

struct Bucket {
  std::map<std::string, std::shared_ptr<const Object>> objects;
  std::map<std::string, Upload> uploads;
  std::map<std::string, RenameDone> renames;
  std::string lifecycle;  ///< The document; empty: none.
  std::string small_objects = "all_storage_classes_128K";
};

/// All the server holds. Objects never change, they are replaced: a reader keeps the one it began
/// with.
struct Store {
  mutable Mutex mutex;
  std::map<std::string, Bucket> buckets GUARDED_BY(mutex);
  std::atomic<uint64_t> next_id = 1;
};

}  // namespace penstock::test
