// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "base/mutex.h"

namespace penstock {

/// Memory for object bytes, with the share of the budget that pays for it. The contents start
/// undefined.
class Buffer {
 public:
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  virtual ~Buffer() = default;

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return size_; }

  /// For its only owner: `reservation` pays from now on.
  void pay(Reservation reservation) noexcept { reservation_ = std::move(reservation); }

 protected:
  Buffer(std::byte* data, uint64_t size, Reservation reservation)
      : data_(data), size_(size), reservation_(std::move(reservation)) {}

  std::byte* data_;
  uint64_t size_;
  Reservation reservation_;
};

/// Hands out buffers and takes their memory back for the next one: the first touch of fresh pages
/// costs as much as receiving the bytes (0.8 s/GB measured on virtual machines), so memory that is
/// warm is used again at once. Thread-safe; must outlive its buffers.
class BufferPool {
 public:
  static constexpr uint64_t unit = 1ULL << 20;

  /// Keeps at most `keep` bytes of returned units for reuse; more goes back to the system.
  explicit BufferPool(uint64_t keep) : keep_(keep) {}
  ~BufferPool();

  /// A buffer of exactly `size` bytes (1 to unit), paid for by `reservation`.
  std::shared_ptr<Buffer> allocate(uint64_t size, Reservation reservation) EXCLUDES(mutex_);

 private:
  class Unit;
  class Small;
  std::byte* take_unit() EXCLUDES(mutex_);
  void return_unit(std::byte* memory) noexcept EXCLUDES(mutex_);

  const uint64_t keep_;
  Mutex mutex_;
  std::vector<std::byte*> free_ GUARDED_BY(mutex_);
};

}  // namespace penstock
