// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/listing_ranges.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

/// How many names of a page are learnt from: enough for the characters that occur.
constexpr size_t learnt_of_a_page = 64;
/// A range of fewer pages, as far as one can tell, is not divided: its walker is soon through.
constexpr double pages_worth_dividing = 3;
/// The last range, whose end nobody knows, is divided that many times as far ahead as all pages so
/// far would reach: a directory of any size is covered after a few answers.
constexpr uint32_t ahead_by = 8;
/// Walkers for each page that was of use; one that was of none takes back as many.
constexpr uint32_t walkers_for_a_page = 2;

}  // namespace

ListingRanges::Told ListingRanges::told(const ListPage& page, size_t prefix_size) {
  Told names;
  const auto note = [&](size_t count, const auto& key) {
    const auto name = [&](size_t i) { return std::string_view(key(i)).substr(prefix_size); };
    const size_t begin = count > 0 && name(0).empty() ? 1 : 0;  // the directory's own object
    if (begin >= count) return;
    names.first = names.last.empty() ? name(begin) : std::min(names.first, name(begin));
    names.last = std::max(names.last, name(count - 1));
    const size_t stride = std::max<size_t>(1, count / learnt_of_a_page);
    for (size_t i = begin; i < count; i += stride) scale_.learn(name(i));
    scale_.learn(name(count - 1));
    for (size_t i = 1; useful_ == 0 && i < count; ++i) names.ordered &= key(i - 1) < key(i);
  };
  note(page.objects.size(), [&](size_t i) -> const std::string& { return page.objects[i].key; });
  note(page.common_prefixes.size(),
       [&](size_t i) -> const std::string& { return page.common_prefixes[i]; });
  return names;
}

void ListingRanges::take(uint32_t walker, const ListPage& page, size_t prefix_size) {
  --under_way_;
  const Told names = told(page, prefix_size);
  ordered_ &= names.ordered;
  const auto found = std::find_if(ranges_.begin(), ranges_.end(),
                                  [&](const Range& range) { return range.walker == walker; });
  const bool of_use =
      found != ranges_.end() && !names.last.empty() && (!found->end || names.first <= *found->end);
  ++(of_use ? useful_ : useless_);
  if (found == ranges_.end()) return;  // another's page has told of all of it meanwhile
  found->asked = false;
  found->continuation = page.continuation;
  const Range before = *found;
  if (names.last > found->at) {
    found->at = found->page_last = names.last;
    found->page_first = names.first;
    found->divisible = true;
  }
  cover(before, names, page.continuation.empty());
}

/// A page tells of all between what its walker had before and its last name.
void ListingRanges::cover(const Range& range, const Told& names, bool to_the_end) {
  std::erase_if(ranges_, [&](const Range& other) {
    const bool behind = other.walker == range.walker || other.at >= range.at;
    return behind && (to_the_end || (other.end && *other.end <= names.last));
  });
}

std::vector<ListingRanges::Request> ListingRanges::next() {
  std::vector<Request> requests;
  for (Range& range : ranges_) {
    if (std::exchange(range.asked, true)) continue;
    requests.push_back({.walker = range.walker, .continuation = range.continuation});
    ++under_way_;
  }
  while (ordered_ && under_way_ < allowed() && divide(requests)) {
  }
  return requests;
}

uint32_t ListingRanges::allowed() const {
  return std::min(most_walkers, walkers_for_a_page * (useful_ - std::min(useful_, useless_)));
}

bool ListingRanges::divide(std::vector<Request>& requests) {
  while (Range* range = largest()) {
    auto start = starting_point(*range);
    // Whoever has no end is divided once for each of its pages: without a further one nothing
    // tells how far it reaches.
    if (!range->end || !start) range->divisible = false;
    if (!start) continue;
    Range behind = *range;
    behind.walker = walkers_++;
    behind.at = *start;
    behind.continuation.clear();
    range->end = *start;
    range->divisible = true;
    behind.divisible = behind.end.has_value();
    ranges_.push_back(std::move(behind));
    requests.push_back({.walker = ranges_.back().walker, .start_after = *std::move(start)});
    ++under_way_;
    return true;
  }
  return false;
}

ListingRanges::Range* ListingRanges::largest() {
  Range* largest = nullptr;
  double most = pages_worth_dividing;
  for (Range& range : ranges_) {
    if (!range.divisible) continue;
    if (!range.end) return &range;
    const double pages = scale_.ratio({range.at, *range.end}, {range.page_first, range.page_last});
    if (pages < most) continue;
    most = pages;
    largest = &range;
  }
  return largest;
}

std::optional<std::string> ListingRanges::starting_point(const Range& range) const {
  if (range.end) return scale_.middle({range.at, *range.end});
  std::optional<std::string> start;
  for (uint32_t times = ahead_by * useful_; !start && times > 1; times /= 2)
    start = scale_.ahead(range.at, {range.page_first, range.page_last}, times);
  return start;
}

}  // namespace penstock
