// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "penstock/object_store.h"

namespace penstock {

/// How a store computes the checksum that it keeps of an object's bytes. The first three are CRCs:
/// that of a whole follows from those of its pieces. `md5` is that of ETags.
enum class ChecksumKind : uint8_t { crc32, crc32c, crc64nvme, sha1, sha256, md5 };

/// As S3 calls it: "CRC32C".
inline std::string_view to_string(ChecksumKind kind) noexcept {
  constexpr std::array<std::string_view, 6> names{"CRC32", "CRC32C", "CRC64NVME",
                                                  "SHA1",  "SHA256", "MD5"};
  return names[static_cast<size_t>(kind)];
}

inline bool is_crc(ChecksumKind kind) noexcept { return kind <= ChecksumKind::crc64nvme; }

/// What a store says that the bytes of an object must be.
struct ObjectSum {
  ObjectInfo object;
  std::optional<ChecksumKind> kind;  ///< Nothing: there is no checksum; `why_not` says why.
  std::string value;                 ///< Raw bytes; of a CRC the highest one first.
  /// 0: `value` is of the object's bytes. Else of the checksums of its parts, so many, one after
  /// another (COMPOSITE).
  uint32_t parts = 0;
  bool of_etag = false;      ///< It is the ETag, which is an MD5 on servers that do as S3 does.
  std::string why_not = {};  ///< For people: "is encrypted with a key of KMS"; no object's name.
};

/// One part of what was uploaded in parts.
struct PartSum {
  uint64_t size = 0;  ///< Bytes.
  std::string value;  ///< As ObjectSum::value, of the part's bytes; empty: the store does not tell.
};

/// Which part of which version.
struct PartSumRequest {
  std::string key;
  ETag if_match;
  uint32_t number = 0;  ///< 1 to 10,000.
  ChecksumKind kind = ChecksumKind::crc32c;
  std::stop_token cancel = {};
};

/// The checksums that a store keeps of its objects. Reads no object's bytes. Thread-safe; `done` as
/// ObjectStore's.
class ObjectSums {
 public:
  virtual ~ObjectSums() = default;

  /// not_found.
  virtual void look(HeadRequest request, Done<ObjectSum> done) = 0;
  /// not_supported where the server does not tell parts; not_found; changed where the object is
  /// another version.
  virtual void look_at_part(PartSumRequest request, Done<PartSum> done) = 0;
};

}  // namespace penstock
