// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/lookups/name_scale.h"
#include "penstock/object_store.h"

namespace penstock {

/// How one directory is listed by several walkers at once. Each walks over a range of names, page
/// by page, until it meets the next one's start; together the ranges are always all names that no
/// page has told of yet. One begins; where pages show that there is more, the ranges that look
/// largest are divided. A starting point is a name without '/', so that no common prefix has keys
/// on both sides of it, and all servers understand it alike. Wrong guesses cost requests: no more
/// of them are made than pages with new names have come. Not thread-safe.
class ListingRanges {
 public:
  /// Of one listing.
  static constexpr uint32_t most_walkers = 16;

  /// The next page of a walker, by one of the two as in ListRequest; both empty: from the start.
  struct Request {
    uint32_t walker = 0;
    std::string start_after;  ///< Without the directory's prefix.
    std::string continuation;
  };

  /// Not `ordered`: the store lists in no order, and one walker does it all.
  explicit ListingRanges(bool ordered) : ordered_(ordered) {}

  /// The page that answers a walker's request. Keys are `prefix_size` longer than names.
  void take(uint32_t walker, const ListPage& page, size_t prefix_size);
  /// What is to be asked for now; each is answered by one take().
  std::vector<Request> next();
  bool ordered() const { return ordered_; }
  /// Pages have told of all names.
  bool done() const { return ranges_.empty(); }

 private:
  struct Range {
    uint32_t walker = 0;
    std::string at;                  ///< Names up to this one are told, or another's.
    std::optional<std::string> end;  ///< The last name of the range; null: there is none behind.
    std::string continuation;
    bool asked = false;
    /// The page that tells how close the names lie: its own last one, or another's.
    std::string page_first;
    std::string page_last;
    bool divisible = false;  ///< A page has come since it was last tried in vain.
  };
  /// The names of a page, as far as they matter here.
  struct Told {
    std::string_view first;
    std::string_view last;
    bool ordered = true;
  };
  Told told(const ListPage& page, size_t prefix_size);
  void cover(const Range& range, const Told& names, bool to_the_end);
  uint32_t allowed() const;
  /// Divides the range that looks largest; false where none is worth it.
  bool divide(std::vector<Request>& requests);
  Range* largest();
  std::optional<std::string> starting_point(const Range& range) const;

  bool ordered_;
  NameScale scale_;
  std::vector<Range> ranges_{Range{}};
  uint32_t walkers_ = 1;  ///< So far.
  uint32_t under_way_ = 0;
  uint32_t useful_ = 0;  ///< Pages that told of names in their walker's range, and the others.
  uint32_t useless_ = 0;
};

}  // namespace penstock
