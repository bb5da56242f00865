// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "penstock/object_store.h"

namespace penstock {

/// Takes what a get brings, and keeps the first bytes of it.
class ProbeSink final : public BodySink {
 public:
  static constexpr size_t kept = 4096;

  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (offset == text_.size() && offset < kept && text_.capacity() >= kept) {
      const size_t length = std::min(bytes.size(), kept - text_.size());
      text_.append(reinterpret_cast<const char*>(bytes.data()), length);
    }
    return true;
  }
  /// After the get.
  const std::string& text() const { return text_; }

 private:
  std::string text_ = [] {
    std::string empty;
    empty.reserve(kept);  // write() may not throw
    return empty;
  }();
};

}  // namespace penstock
