// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace penstock {

/// What is known of things that may end without a word: at most `bound` entries, of which the one
/// added first makes room for a new one. An entry that was erased counts no more, so one that stays
/// outlives any number that come and go. Adding, finding and erasing take constant time. Not
/// thread-safe.
template <typename Key, typename Value>
class BoundedMap {
 public:
  /// `bound`: at least 1.
  explicit BoundedMap(size_t bound) : bound_(bound) {}

  /// The entry of `key`, made from `value` where there is none; its age stays that of the first
  /// call. Valid until the next call that adds or erases.
  Value& add(const Key& key, Value value) {
    const auto known = places_.find(key);
    if (known != places_.end()) return known->second->second;
    if (places_.size() == bound_) erase(Key(entries_.front().first));
    entries_.emplace_back(key, std::move(value));
    places_.emplace(key, std::prev(entries_.end()));
    return entries_.back().second;
  }
  /// Null: there is none. Valid as that of add.
  Value* find(const Key& key) {
    const auto known = places_.find(key);
    return known == places_.end() ? nullptr : &known->second->second;
  }
  const Value* find(const Key& key) const {
    const auto known = places_.find(key);
    return known == places_.end() ? nullptr : &known->second->second;
  }
  void erase(const Key& key) {
    const auto known = places_.find(key);
    if (known == places_.end()) return;
    entries_.erase(known->second);
    places_.erase(known);
  }
  size_t size() const noexcept { return places_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;

  const size_t bound_;
  Entries entries_;  // the oldest first
  std::unordered_map<Key, typename Entries::iterator> places_;
};

}  // namespace penstock
