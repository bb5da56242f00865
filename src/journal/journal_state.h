// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

class JournalSegment;

/// Bytes in a data segment. Immutable; the segment's file stays while one of its pieces lives.
struct JournalPiece {
  std::shared_ptr<const JournalSegment> segment;
  uint64_t position = 0;  ///< In the segment's file.
  uint64_t length = 0;
  uint64_t hash = 0;  ///< XXH3 (64 bits) of the bytes.
};

/// `length` bytes of a file from `offset` on: from `skip` on in the piece, or zeros, or of the
/// base.
struct JournalRange {
  enum class Kind : uint8_t { hole = 0, piece = 1, base = 2 };
  Kind kind = Kind::hole;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::shared_ptr<const JournalPiece> piece;  ///< Null but for Kind::piece.
  uint64_t skip = 0;
};

/// All that is needed to make the object of a file, without the program that wrote it.
struct JournalState {
  uint64_t file = 0;
  std::string key;
  uint64_t size = 0;
  std::vector<JournalRange> ranges;  ///< In order, without gaps, from 0 to size.
  Metadata metadata;
  std::optional<ObjectInfo> base;  ///< key, size, etag and metadata of the object that it edits.
  ETag replaces;  ///< The object that the file took the place of when it was begun; empty: none.
  int64_t since_ns = 0;  ///< When this was promised, since the epoch.
};

struct JournalUpload {
  uint64_t file = 0;
  std::string key;
  std::string upload_id;
  Metadata metadata;
};

struct JournalDamage {
  uint64_t file = 0;
  std::string key;
  std::string reason;
};

struct JournalStats {
  uint64_t files = 0;     ///< With a state, but for damaged ones.
  uint64_t bytes = 0;     ///< Of those in pieces.
  uint64_t segments = 0;  ///< Files with data.
  uint64_t occupied = 0;  ///< Bytes of those, and of the log.
  int64_t oldest_ns = 0;  ///< When the first of `files` was promised, since the epoch; 0: none is.
};

}  // namespace penstock
