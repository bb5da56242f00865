// SPDX-License-Identifier: Apache-2.0
#include "data/read/file_ends.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

struct Format {
  std::string_view name;
  std::string_view magic;  ///< At the object's first byte.
};

constexpr std::array formats{
    Format{.name = "Parquet", .magic = "PAR1"},
    Format{.name = "Arrow", .magic = "ARROW1"},
    Format{.name = "zip", .magic = "PK\x03\x04"},
};

bool begins_with(std::span<const std::byte> first, std::string_view magic) noexcept {
  return first.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), first.begin(), [](char expected, std::byte is) {
           return static_cast<std::byte>(expected) == is;
         });
}

/// What follows the last dot of a name; empty if that tells nothing.
std::string_view suffix_of(std::string_view key) noexcept {
  const size_t dot = key.find_last_of("./");
  if (dot == std::string_view::npos || key[dot] == '/') return {};
  const std::string_view suffix = key.substr(dot + 1);
  return suffix.size() <= NamesOfFormats::longest ? suffix : std::string_view();
}

}  // namespace

std::string_view FileEnds::format_of(std::span<const std::byte> first) noexcept {
  const auto* const found = std::find_if(formats.begin(), formats.end(), [&](const Format& one) {
    return begins_with(first, one.magic);
  });
  return found == formats.end() ? std::string_view() : found->name;
}

bool FileEnds::take() noexcept {
  if (roamed_ || taken_ || size_ < least_size) return false;
  taken_ = true;
  return true;
}

bool FileEnds::observe(ByteRange range) noexcept {
  if (size_ >= least_size && range.offset >= tail_begin()) return take();
  if (range.offset < head) return listed_at_end_ && take();
  roamed_ = true;
  return false;
}

bool FileEnds::recognise(std::span<const std::byte> first) noexcept {
  recognised_ = true;
  listed_at_end_ = !format_of(first).empty();
  return listed_at_end_ && take();
}

bool NamesOfFormats::expected(std::string_view key) const {
  const std::string_view suffix = suffix_of(key);
  if (suffix.empty()) return false;
  const MutexLock lock(mutex_);
  return std::find(known_.begin(), known_.end(), suffix) != known_.end();
}

void NamesOfFormats::learn(std::string_view key, bool listed_at_end) {
  const std::string_view suffix = suffix_of(key);
  if (suffix.empty()) return;
  const MutexLock lock(mutex_);
  const auto known = std::find(known_.begin(), known_.end(), suffix);
  if ((known != known_.end()) == listed_at_end) return;
  if (!listed_at_end) {
    known_.erase(known);
    return;
  }
  if (known_.size() == capacity) known_.pop_front();
  known_.emplace_back(suffix);
}

}  // namespace penstock
