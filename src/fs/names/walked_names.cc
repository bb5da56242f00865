// SPDX-License-Identifier: Apache-2.0
#include "fs/names/walked_names.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "fs/names/absl_containers.h"

namespace penstock {
namespace {

constexpr size_t chunk_bytes = 64 << 10;

}  // namespace

struct WalkedNames::Seen {
  static std::string_view name(const char* place) { return name_at(place); }
  static std::string_view name(std::string_view name) { return name; }
  struct Hash {
    using is_transparent = void;
    template <typename T>
    size_t operator()(const T& what) const {
      return std::hash<std::string_view>()(name(what));
    }
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& one, const B& other) const {
      return name(one) == name(other);
    }
  };

  absl::flat_hash_set<char*, Hash, Equal> places;
};

WalkedNames::WalkedNames() = default;
WalkedNames::~WalkedNames() = default;

void WalkedNames::append(std::string_view name, FileType type) {
  const size_t bytes = name.size() + 2;
  if (left_ < bytes) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_bytes));
    left_ = chunk_bytes;
  }
  char* const place = chunks_.back().get() + (chunk_bytes - left_);
  place[0] = static_cast<char>(type);
  place[1] = static_cast<char>(name.size());
  std::memcpy(place + 2, name.data(), name.size());
  left_ -= bytes;
  places_.push_back(place);
}

void WalkedNames::add(std::string_view name, FileType type) {
  if (has(name)) return;
  if (seen_ == nullptr) seen_ = std::make_unique<Seen>();
  append(name, type);
  seen_->places.insert(places_.back());
}

bool WalkedNames::has(std::string_view name) const {
  return seen_ != nullptr && seen_->places.contains(name);
}

void WalkedNames::mark(std::string_view name, bool gone) {
  if (!gone && gone_ == 0) return;
  char* place = nullptr;
  if (seen_ != nullptr) {
    const auto found = seen_->places.find(name);
    if (found != seen_->places.end()) place = *found;
  } else {
    const auto found = std::ranges::lower_bound(places_, name, {}, name_at);
    if (found != places_.end() && name_at(*found) == name) place = *found;
  }
  if (place == nullptr || ((*place & gone_bit) != 0) == gone) return;
  *place = static_cast<char>(*place ^ gone_bit);
  gone ? ++gone_ : --gone_;
}

}  // namespace penstock
