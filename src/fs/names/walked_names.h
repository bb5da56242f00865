// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "penstock/file_system.h"

namespace penstock {

/// Names in the order in which a walk over a directory found them: each keeps its index. Some 25
/// bytes a name beside the name itself; 10 where all were appended. Not thread-safe.
class WalkedNames {
 public:
  WalkedNames();
  ~WalkedNames();
  WalkedNames(const WalkedNames&) = delete;
  WalkedNames& operator=(const WalkedNames&) = delete;

  size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  /// Good for as long as this exists.
  std::string_view name(size_t index) const { return name_at(places_[index]); }
  FileType type(size_t index) const { return static_cast<FileType>(*places_[index] & ~gone_bit); }
  bool gone(size_t index) const { return (*places_[index] & gone_bit) != 0; }

  /// The name, of 255 bytes at most, unless it is there.
  void add(std::string_view name, FileType type);
  /// The name, which comes after those before it in byte order: has() does not know it, and no name
  /// may be added.
  void append(std::string_view name, FileType type);
  bool has(std::string_view name) const;
  /// The directory has the name, if it is one of these, no more; or has it again.
  void mark(std::string_view name, bool gone);

 private:
  struct Seen;
  static constexpr char gone_bit = 0x40;  ///< In the byte of the type.
  static std::string_view name_at(const char* place) {
    return {place + 2, static_cast<unsigned char>(place[1])};
  }

  std::vector<std::unique_ptr<char[]>> chunks_;  ///< Of the type, the length and the bytes of each.
  size_t left_ = 0;                              ///< Bytes of the last one.
  std::deque<char*> places_;
  size_t gone_ = 0;  ///< How many are marked.
  std::unique_ptr<Seen> seen_;
};

}  // namespace penstock
