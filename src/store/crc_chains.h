// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "penstock/object_store.h"
#include "penstock/object_sums.h"
#include "store/s3/checksum.h"

namespace penstock {

/// The kinds of CRC that ranges of an object are checked by: those that cost next to nothing.
inline constexpr std::array range_crc_kinds{ChecksumKind::crc32c, ChecksumKind::crc32};

/// The CRCs of one range, in the order of range_crc_kinds.
using RangeCrcs = std::array<uint64_t, range_crc_kinds.size()>;

/// Those CRCs of bytes that come in pieces. Not thread-safe.
class RunningRangeCrcs {
 public:
  /// `only`: the one kind that is wanted; nothing: all of range_crc_kinds.
  explicit RunningRangeCrcs(std::optional<ChecksumKind> only) : only_(only) {}

  void update(std::span<const std::byte> bytes) noexcept;
  /// 0 of a kind that is not wanted.
  RangeCrcs value() const noexcept;

 private:
  std::optional<ChecksumKind> only_;
  std::array<RunningChecksum, range_crc_kinds.size()> sums_{RunningChecksum(range_crc_kinds[0]),
                                                            RunningChecksum(range_crc_kinds[1])};
};

/// What came of one object, as chains: ranges that follow one another are one, with the CRC of all
/// their bytes. Chains may overlap: two programs that read the same bytes at different times have
/// one each. Of more than `most` chains the one that has not grown for longest is forgotten. Not
/// thread-safe.
class CrcChains {
 public:
  static constexpr size_t most = 256;

  /// `size` of the object in bytes.
  explicit CrcChains(uint64_t size) : size_(size) {}

  /// `range`, which is not empty, came as a whole. The CRCs of the object where the range's chain
  /// has all of it by now; that chain is forgotten then.
  std::optional<RangeCrcs> add(ByteRange range, const RangeCrcs& crcs);
  void clear() { chains_.clear(); }
  size_t count() const noexcept { return chains_.size(); }

 private:
  struct Chain {
    uint64_t begin = 0;
    uint64_t end = 0;
    RangeCrcs crcs{};
  };
  static Chain join(const Chain& first, const Chain& second);
  /// Takes out the chain that has grown last of those for which `fits` is true.
  template <typename Fits>
  std::optional<Chain> take(Fits fits);

  const uint64_t size_;
  std::vector<Chain> chains_;  ///< That which has grown last is last.
};

}  // namespace penstock
