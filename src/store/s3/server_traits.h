// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock {

/// How a server differs from AWS S3, as far as its answers have told. Each is learnt where it first
/// matters, and for good. Thread-safe.
struct ServerTraits {
  enum class Kind : uint8_t { unknown, radosgw, other };
  enum class Guard : uint8_t { unknown, kept, ignored, refused };
  enum class Decoding : uint8_t { unknown, once, twice };

  std::atomic<Kind> kind = Kind::unknown;
  /// If-Match of a PUT is compared with the ETag as it is, quotes included.
  std::atomic<bool> bare_if_match = false;
  /// A write with If-Match is answered "not implemented".
  std::atomic<bool> no_if_match = false;
  /// What UploadPartCopy does with x-amz-copy-source-if-match; refused: it is "not implemented".
  std::atomic<Guard> part_copy_guard = Guard::unknown;
  /// There is no UploadPartCopy.
  std::atomic<bool> no_part_copy = false;
  /// There is no DeleteObjects.
  std::atomic<bool> no_batch_removal = false;
  /// A body that is stored must come with a checksum, as into buckets with a default retention.
  std::atomic<bool> wants_checksums = false;
  /// PutObject does not take x-amz-checksum-crc32c; the requests of a multipart upload do not take
  /// what announces checksums, or carries them.
  std::atomic<bool> no_put_sums = false;
  std::atomic<bool> no_upload_sums = false;
  /// ETags are no MD5s, for objects are encrypted by SSE-KMS or SSE-C.
  std::atomic<bool> opaque_etags = false;
  /// How often UploadPartCopy decodes x-amz-copy-source.
  std::atomic<Decoding> part_copy_decoding = Decoding::unknown;
};

}  // namespace penstock
