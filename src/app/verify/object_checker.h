// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/verify/range_sums.h"
#include "app/verify/verdict.h"
#include "penstock/object_sums.h"

namespace penstock {

/// Holds objects against the checksums that their store has of them, by reading all of their bytes
/// from it. Memory is bounded whatever their size: bytes are not kept, and there is a checksum for
/// each range or part. Thread-safe.
class ObjectChecker {
 public:
  struct Settings {
    uint32_t requests = 32;  ///< Ranges that are read at a time, of all objects together.
    uint64_t range_size = 64ULL << 20;  ///< Bytes; of very large objects more.
    bool etags = true;  ///< Where there is no checksum, the ETag is taken for an MD5.
  };

  /// `read` is told of bytes as they come, on any thread, and must not block. The store and its
  /// checksums must outlive this.
  ObjectChecker(ObjectStore& store, ObjectSums& sums, const Settings& settings,
                std::function<void(uint64_t bytes)> read);

  /// Waits for the answer. What differs is read a second time: only then it is certain that the
  /// store has other bytes, and not the way from it. An object that is replaced meanwhile is begun
  /// anew: three versions of it in all.
  ObjectVerdict check(const std::string& key);

 private:
  /// One reading of all bytes.
  struct Comparison {
    std::string why_not = {};  ///< Not empty: the store does not tell what is needed for one.
    bool same = false;
    std::string expected = {};
    std::string found = {};
    uint32_t part = 0;
    ByteRange range = {};
  };

  /// changed, not_found: it is another version by now, or none.
  Result<ObjectVerdict> check_version(const ObjectSum& sum);
  Result<Comparison> compare(const ObjectSum& sum);
  Result<Comparison> compare_whole(const ObjectSum& sum);
  Result<Comparison> compare_parts(const ObjectSum& sum);
  /// Asks for the sizes of the parts, and begins to read each. not_supported: the store does not
  /// tell them.
  Result<std::vector<PartSum>> read_parts(const ObjectSum& sum, RangeSums& reads);
  RangeSums::Parts reading() { return {.store = store_, .slots = slots_, .read = read_}; }

  ObjectStore& store_;
  ObjectSums& sums_;
  const Settings settings_;
  const std::function<void(uint64_t)> read_;
  RangeSums::Slots slots_;
};

}  // namespace penstock
