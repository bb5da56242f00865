// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "data/read/read_engine.h"
#include "penstock/result.h"

namespace penstock {

// What those have in common who fetch objects into the cache ahead of their readers. Pure
// functions.

/// Whether an object can be fetched ahead, of at most `largest` bytes: one that is empty needs no
/// fetch, and one without an ETag cannot be told from what takes its place.
inline bool can_be_fetched(const ObjectVersion& version, uint64_t largest) {
  return version.size > 0 && version.size <= largest && !version.etag.empty();
}

/// Whether an error of a fetch comes from the object, which is not what its name was known for or
/// cannot be read: the next try would fail too, and it is no sign of trouble with the store.
inline bool is_the_objects(Code code) {
  return code == Code::changed || code == Code::archived || code == Code::access_denied;
}

/// Whether a fetch that ended with this error is worth another try after a pause: always where the
/// cache takes nothing for a moment or no memory is left, else once, which `repeated` remembers.
/// The store has repeated what failed for as long as it does: another time is for what is over
/// soon, and what fails for good is not to hold up what was hinted behind it.
inline bool is_tried_again(Code code, bool& repeated) {
  if (code == Code::no_space) return true;
  return !is_the_objects(code) && !std::exchange(repeated, true);
}

/// Bytes that an object of `size` occupies in the cache, about: blocks, and its map.
inline uint64_t occupied(uint64_t size) {
  constexpr uint64_t block = 4096;
  return (size + block - 1) / block * block + 2 * block;
}

/// What tables of many objects remember instead of a key, or of a version of it.
inline size_t hash_of(const std::string& key) { return std::hash<std::string>()(key); }
inline size_t hash_of(const std::string& key, const ETag& etag) {
  constexpr size_t odd = 0x9e3779b97f4a7c15;  // so that equal halves do not cancel each other
  return hash_of(key) * odd + hash_of(etag);
}

}  // namespace penstock
