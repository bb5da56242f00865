// SPDX-License-Identifier: Apache-2.0
#include "base/buffer_pool.h"

#include <sys/mman.h>

#include <new>

namespace penstock {

/// Above this, a buffer is a whole unit of the pool; below, the heap does well enough.
constexpr uint64_t small_limit = BufferPool::unit / 2;

class BufferPool::Unit final : public Buffer {
 public:
  Unit(BufferPool& pool, std::byte* memory, uint64_t size, Reservation reservation)
      : Buffer(memory, size, std::move(reservation)), pool_(pool) {}
  ~Unit() override { pool_.return_unit(data_); }

 private:
  BufferPool& pool_;
};

class BufferPool::Small final : public Buffer {
 public:
  Small(std::unique_ptr<std::byte[]> memory, uint64_t size, Reservation reservation)
      : Buffer(memory.get(), size, std::move(reservation)), memory_(std::move(memory)) {}

 private:
  std::unique_ptr<std::byte[]> memory_;
};

BufferPool::~BufferPool() {
  for (std::byte* memory : free_) munmap(memory, unit);
}

std::shared_ptr<Buffer> BufferPool::allocate(uint64_t size, Reservation reservation) {
  if (size <= small_limit) {
    return std::make_shared<Small>(std::unique_ptr<std::byte[]>(new std::byte[size]), size,
                                   std::move(reservation));
  }
  return std::make_shared<Unit>(*this, take_unit(), size, std::move(reservation));
}

std::byte* BufferPool::take_unit() {
  {
    const MutexLock lock(mutex_);
    if (!free_.empty()) {
      std::byte* memory = free_.back();
      free_.pop_back();
      return memory;
    }
  }
  void* memory = mmap(nullptr, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

void BufferPool::return_unit(std::byte* memory) noexcept {
  {
    const MutexLock lock(mutex_);
    if ((free_.size() + 1) * unit <= keep_) {
      free_.push_back(memory);
      return;
    }
  }
  munmap(memory, unit);
}

}  // namespace penstock
