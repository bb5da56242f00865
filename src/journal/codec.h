// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Appends numbers and strings to bytes: little-endian whatever the machine is.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(&out) {}

  template <typename T>
  void number(T value) {
    std::byte bytes[sizeof(T)];
    store(bytes, value);
    out_->insert(out_->end(), bytes, bytes + sizeof(T));
  }
  /// Seven bits a byte, the lowest first; all bytes but the last have their highest bit set.
  void varint(uint64_t value) {
    for (; value >= more; value >>= 7) out_->push_back(static_cast<std::byte>(value | more));
    out_->push_back(static_cast<std::byte>(value));
  }
  void raw(std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    out_->insert(out_->end(), bytes, bytes + text.size());
  }
  void string(std::string_view text) {
    varint(text.size());
    raw(text);
  }

  template <typename T>
  static void store(std::byte* to, T value) noexcept {
    const auto bits = static_cast<uint64_t>(value);
    for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(bits >> (8 * i));
  }

 private:
  static constexpr uint64_t more = 0x80;

  std::vector<std::byte>* out_;
};

/// Reads what ByteWriter wrote. Past the end it reads zeros and remembers that.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename T>
  T number() {
    if (!has(sizeof(T))) return {};
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i) bits |= static_cast<uint64_t>(left_[i]) << (8 * i);
    left_ = left_.subspan(sizeof(T));
    return static_cast<T>(bits);
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 63; shift += 7) {
      const auto byte = number<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;  // More than 63 bits: nothing here is that large.
    return 0;
  }
  /// At most `longest` bytes.
  std::string string(uint64_t longest) {
    const uint64_t length = varint();
    if (length > longest || !has(length)) {
      good_ = false;
      return {};
    }
    std::string text(reinterpret_cast<const char*>(left_.data()), length);
    left_ = left_.subspan(length);
    return text;
  }

  bool good() const noexcept { return good_; }
  /// All was read, and nothing beyond.
  bool at_end() const noexcept { return good_ && left_.empty(); }

 private:
  bool has(uint64_t bytes) {
    good_ = good_ && bytes <= left_.size();
    return good_;
  }

  std::span<const std::byte> left_;
  bool good_ = true;
};

}  // namespace penstock
