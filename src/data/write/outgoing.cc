// SPDX-License-Identifier: Apache-2.0
#include "data/write/outgoing.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

constexpr std::array<std::byte, 64 << 10> zeros = {};

}  // namespace

void Outgoing::add_zeros(uint64_t length) {
  while (length > 0) {
    const uint64_t piece = std::min<uint64_t>(length, zeros.size());
    pieces_.push_back(std::span(zeros).first(piece));
    length -= piece;
  }
}

Result<void> Outgoing::map_staged() {
  for (const Staged& staged : staged_) {
    Result<StagingFile::Mapping> mapped = file_->map(staged.range);
    if (!mapped) return mapped.error();
    pieces_[staged.piece] = mapped->bytes;
    mappings_.push_back(std::move(mapped->owner));
  }
  return {};
}

}  // namespace penstock
