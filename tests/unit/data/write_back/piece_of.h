// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "journal/journal_state.h"

namespace penstock::test {

/// A piece of no journal, for what looks at lengths alone.
inline std::shared_ptr<const JournalPiece> piece_of(uint64_t length) {
  JournalPiece piece;
  piece.length = length;
  return std::make_shared<const JournalPiece>(piece);
}

}  // namespace penstock::test
