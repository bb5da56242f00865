// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/buffer_pool.h"
#include "base/scheduler.h"
#include "data/read/pending_read.h"
#include "penstock/object_store.h"
#include "penstock/slices.h"

namespace penstock {

class CacheLink;
class Fetch;

/// Whoever a fetch belongs to. Called on the store's thread.
class FetchOwner {
 public:
  virtual ~FetchOwner() = default;
  /// The bytes up to `up_to` (counted in the object) are in place.
  virtual void advanced(Fetch& fetch, uint64_t up_to) noexcept = 0;
};

/// One GET of [begin, end), in flight or arrived: the memory, how far it is filled, who waits.
///
/// The store's thread fills it through write(); everything under "owner's lock" is guarded by the
/// lock of the reader that owns it. Memory is taken piece by piece as the bytes arrive, so that it
/// is the memory which consumed pieces have just given back. The store keeps a fetch alive until
/// its GET is done, also when the owner is gone.
class Fetch final : public BodySink {
 public:
  enum class Kind : uint8_t {
    whole,   ///< A small object, kept while its reader is open.
    stream,  ///< For a stream: consumed from front to back.
    spot,    ///< For a random or strided read: done with after the first use.
    ahead,   ///< For the cache: kept until its disk has it, consumed like that of a stream.
  };
  struct Spec {
    uint64_t begin = 0;
    uint64_t end = 0;
    Kind kind = Kind::spot;
  };

  /// What arrives is offered to the cache behind `cache`, if there is one.
  Fetch(Spec spec, Reservation memory, BufferPool& buffers, Scheduler& clock,
        std::weak_ptr<FetchOwner> owner, std::shared_ptr<CacheLink> cache);

  // Unchanging or thread-safe.
  uint64_t begin() const noexcept { return spec_.begin; }
  uint64_t end() const noexcept { return spec_.end; }
  uint64_t size() const noexcept { return spec_.end - spec_.begin; }
  Kind kind() const noexcept { return spec_.kind; }
  /// Gives up its memory from front to back, as it is used.
  bool is_consumed() const noexcept {
    return spec_.kind == Kind::stream || spec_.kind == Kind::ahead;
  }
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// Ends the GET early. Calls into the store: without locks.
  void abandon();
  /// Requested by hurry().
  std::stop_token awaited() const noexcept { return awaited_.get_token(); }
  /// Somebody waits by now for what was to be fetched ahead. Calls into the store: without locks.
  void hurry() { awaited_.request_stop(); }

  // The store's thread.
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override;
  /// The body was longer than asked for: the object is not what it was.
  bool overflowed() const noexcept { return overflowed_; }
  bool filled() const noexcept { return written_ == spec_.end; }
  uint64_t written() const noexcept { return written_; }

  // In the store's place, before a GET is begun for the rest: bytes from a local disk.
  /// Memory for the next bytes, at most `wanted` of them (not 0), which `owner` keeps.
  std::span<std::byte> room(uint64_t wanted, std::shared_ptr<Buffer>& owner);
  /// The first `bytes` of what room() gave are in place. False: nobody wants more.
  bool filled_room(uint64_t bytes);
  /// Some bytes came from a local disk: its times say nothing about the link.
  bool local() const noexcept { return local_; }
  /// Bytes written since the last call; 0 until they are worth counting.
  uint64_t take_uncounted() noexcept;
  std::chrono::nanoseconds first_byte_after() const noexcept { return first_byte_ - started_; }
  std::chrono::nanoseconds body_took() const { return clock_.now() - first_byte_; }

  // Owner's lock.
  /// One read that needs [begin, end) of this fetch.
  struct Pin {
    std::shared_ptr<PendingRead> read;
    uint64_t begin = 0;
    uint64_t end = 0;
    bool met = false;
  };

  uint64_t live_begin() const noexcept { return live_begin_; }
  uint64_t arrived() const noexcept { return arrived_; }
  bool complete() const noexcept { return arrived_ == spec_.end; }
  bool pinned() const noexcept { return !pins_.empty(); }
  /// Some program waits for bytes of it.
  bool demanded() const noexcept;
  bool used() const noexcept { return used_; }
  /// Bytes of memory it holds or will hold.
  uint64_t held() const noexcept { return spec_.end - live_begin_; }

  /// The memory of the last room() stays with a thread that hangs in a disk: others take its place.
  void replace_room();
  void pin(std::shared_ptr<PendingRead> read, uint64_t begin, uint64_t end);
  /// Moves the watermark; appends the reads whose last bytes these were.
  void advance(uint64_t up_to, std::vector<std::shared_ptr<PendingRead>>& ready);
  void unpin(const PendingRead& read, std::vector<std::shared_ptr<PendingRead>>& dropped);
  std::vector<Pin> take_pins() noexcept { return std::exchange(pins_, {}); }

  /// Adds [begin, end), which has arrived, to an answer.
  void deliver(uint64_t begin, uint64_t end, Slices& answer);
  /// Gives up the memory at the front that was delivered once, as far as nobody pinned it, up to
  /// `limit`. True when nothing is left.
  bool trim(uint64_t limit, std::vector<std::shared_ptr<Buffer>>& garbage);

  Scheduler::Time touched{};  ///< Last time it was made, filled or used.

 private:
  size_t piece_of(uint64_t offset) const noexcept {
    return (offset - spec_.begin) / BufferPool::unit;
  }
  uint64_t piece_begin(size_t index) const noexcept {
    return spec_.begin + index * BufferPool::unit;
  }
  uint64_t piece_size(size_t index) const noexcept;

  std::shared_ptr<Buffer>& buffer_of(size_t index);
  void keep(size_t index);
  void sum_up(size_t index);

  struct Piece {
    std::shared_ptr<Buffer> buffer;
    uint64_t delivered = 0;  ///< Owner's lock.
  };

  const Spec spec_;
  BufferPool& buffers_;
  Scheduler& clock_;
  const std::weak_ptr<FetchOwner> owner_;
  const std::shared_ptr<CacheLink> cache_;  ///< Null: there is no cache.
  std::stop_source stop_;
  std::stop_source awaited_;
  std::atomic<bool> abandoned_ = false;

  // The store's thread. A piece's buffer is set before the watermark passes it, which publishes it.
  Reservation memory_;
  uint64_t written_;
  uint64_t counted_;
  bool overflowed_ = false;
  bool local_ = false;
  const Scheduler::Time started_;
  Scheduler::Time first_byte_;
  std::vector<Piece> pieces_;
  size_t summed_ = 0;           ///< The piece that sums_ are of.
  std::vector<uint64_t> sums_;  ///< The cache's, of the piece's first chunks.

  // Owner's lock.
  uint64_t live_begin_;
  uint64_t arrived_;
  uint64_t next_need_ = UINT64_MAX;  ///< No pin is met before the watermark is here.
  std::vector<Pin> pins_;
  bool used_ = false;
};

}  // namespace penstock
