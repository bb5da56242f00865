// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "data/read/read_stream.h"

namespace penstock {

/// How far ahead of a stream to fetch and in which pieces. Pure arithmetic.
class ReadWindow {
 public:
  struct Limits {
    uint64_t target = 0;  ///< The most bytes ahead of this stream.
    uint64_t object_size = 0;
    uint64_t fetch_size = 0;  ///< The largest piece.
    uint64_t smallest = 0;    ///< The smallest piece worth a request.
    bool eager = true;        ///< Who starts at the start most likely reads everything.
  };

  ReadWindow(const ReadStream& stream, const Limits& limits);

  /// Bytes to have ahead of the stream's position.
  uint64_t size() const noexcept { return size_; }
  /// Where the window ends: at most the object's end.
  uint64_t end() const noexcept { return end_; }
  /// Where a fetch that starts at `begin` should end. Pieces are aligned to their own size, and
  /// shrink towards the object's end so that its last bytes come over many connections, not one.
  uint64_t piece_end(uint64_t begin) const noexcept;

 private:
  Limits limits_;
  uint64_t size_;
  uint64_t end_;
};

}  // namespace penstock
