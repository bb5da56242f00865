// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/gate.h"
#include "base/mutex.h"
#include "cache/cache_core.h"
#include "cache/chunk_queue.h"
#include "cache/chunk_set.h"
#include "cache/chunk_writer.h"
#include "cache/map_format.h"
#include "penstock/backing_file.h"
#include "penstock/cache_share.h"
#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// One version of an object on the local disk, whole or in parts. While it lives no process removes
/// it. Thread-safe. Nothing that befalls the disk shows but as bytes that are not there.
class CacheFile : public std::enable_shared_from_this<CacheFile> {
 public:
  /// An opened pair of files, the data locked against removal.
  struct Parts {
    std::string name;
    ParsedMap map;
    DiskFile data_file;
    DiskFile map_file;
    ChunkSet present{0};
    int64_t idle_ns = 0;  ///< How long what goes for its bytes must not have been used.
  };
  /// For open_cache_file.
  CacheFile(std::shared_ptr<CacheCore> core, Parts parts);
  ~CacheFile();
  CacheFile(const CacheFile&) = delete;
  CacheFile& operator=(const CacheFile&) = delete;

  const VersionId& id() const noexcept { return map_.header.id; }
  /// What was known of the object when the file was made.
  const MapHeader& header() const noexcept { return map_.header; }

  /// True where every chunk is known to be there. Does not ask the disk.
  bool complete() const EXCLUDES(mutex_);
  /// How much is known to be there or waits to be written; says nothing of the cache's limit. Does
  /// not ask the disk.
  CacheShare share() const EXCLUDES(mutex_);

  /// The first offset of [from, to) that is not on the disk; `to` if all of it is. Bytes past the
  /// object's end are never missing. May block on the disk.
  uint64_t missing_from(uint64_t from, uint64_t to) EXCLUDES(mutex_);

  /// The parts of `range`, in whole chunks, that are neither on the disk nor wait to be written;
  /// nothing where the disk takes nothing now. May block on the disk.
  std::optional<std::vector<ByteRange>> lacking(ByteRange range) EXCLUDES(mutex_);
  /// Whether some of `range` waits to be written. Does not ask the disk.
  bool writes(ByteRange range) const EXCLUDES(mutex_);

  /// Reads what missing_from said is there, and checks every chunk it touches. Code::corrupt: one
  /// was damaged and is absent from now on; Code::unavailable: the disk fails, or a chunk is no
  /// longer there. `out` is undefined then: fetch instead. Blocks on the disk.
  Result<void> read(uint64_t offset, std::span<std::byte> out) EXCLUDES(mutex_);

  /// Bytes that have arrived, to be written in the background; `owner` keeps them alive and
  /// unchanged. Only whole chunks are kept, and the object's short last one. `sums` are the
  /// checksums of those (ChunkLayout::covered), by whoever had the bytes at hand anyhow; without
  /// them they are made later. Ignored where the disk cannot keep up or has no room. Never blocks,
  /// never fails.
  void offer(uint64_t offset, std::span<const std::byte> bytes,
             const std::shared_ptr<const void>& owner, std::span<const uint64_t> sums = {})
      EXCLUDES(mutex_);

  /// The file itself where it is complete and can be trusted as a whole, for nobody checks what the
  /// kernel reads from it; else null, and then what is missing for that is begun in the background,
  /// but for fetching. Blocks on the disk.
  std::shared_ptr<const BackingFile> backing() EXCLUDES(mutex_);

  /// Reads all that is there and checks it; seals the file if it is complete. Returns the number of
  /// damaged chunks, which are absent from now on. Blocks on the disk.
  uint64_t verify() EXCLUDES(mutex_);

  /// The bytes that this process has got of the version may be wrong: nothing more is taken or told
  /// as there, as long as somebody has it open. Does not ask the disk.
  void refuse() noexcept { refused_ = true; }
  /// The same, and what is there is absent from now on, for all processes. Blocks on the disk.
  void forget() EXCLUDES(mutex_);

  /// Forgets what this process has checked: the disk may not have taken it. For Sealer.
  void distrust() EXCLUDES(mutex_);

 private:
  enum class Finding : uint8_t {
    good,
    damaged,  ///< Absent from now on.
    gone,     ///< Another process found it damaged.
  };

  // cache_file.cc
  bool look_again(ChunkRange chunks) EXCLUDES(mutex_);
  int64_t load(ChunkRange chunks, std::span<std::byte> out) EXCLUDES(mutex_);
  std::span<const std::byte> piece_of(uint64_t chunk, ChunkRange loaded,
                                      std::span<const std::byte> bytes) const;
  Finding examine(uint64_t chunk, uint64_t sum, std::span<const std::byte> bytes) EXCLUDES(mutex_);
  Result<void> read_chunks(ChunkRange chunks, std::span<const uint64_t> sums,
                           std::span<std::byte> out) EXCLUDES(mutex_);
  Result<void> read_part(uint64_t chunk, uint64_t sum, uint64_t offset, std::span<std::byte> out)
      EXCLUDES(mutex_);
  void drop(ChunkRange chunks) EXCLUDES(mutex_);
  void erase(ChunkRange chunks) EXCLUDES(mutex_);
  Error disk_error() const;

  // cache_file_fill.cc
  void post_fill();
  ChunkQueue::Batch take_batch() EXCLUDES(mutex_);
  void fill() EXCLUDES(mutex_);

  // cache_file_seal.cc
  enum class SealState : uint8_t { none, stale, right };
  SealState seal_state(const Disk::Status& data) const;
  void start_check() EXCLUDES(mutex_);
  void check() EXCLUDES(mutex_);
  bool begin_check(Disk::Status& data);
  ChunkRange next_unverified(uint64_t from) EXCLUDES(mutex_);
  bool needs_check(uint64_t chunk) const REQUIRES(mutex_) {
    return present_.has(chunk) && !verified_.has(chunk);
  }
  bool verify_rest(uint64_t& damaged) EXCLUDES(mutex_);
  void trust(const Disk::Status& before) EXCLUDES(mutex_);

  const std::shared_ptr<CacheCore> core_;
  const std::string name_;
  const ParsedMap map_;
  const ChunkLayout layout_;
  const DiskFile data_file_;
  const DiskFile map_file_;
  std::atomic<bool> said_damaged_{false};
  std::atomic<bool> refused_{false};
  ChunkWriter writer_;  // fill()'s

  mutable Mutex mutex_;
  ChunkSet present_ GUARDED_BY(mutex_);   // have an entry in the map, as far as is known
  ChunkSet verified_ GUARDED_BY(mutex_);  // written or checked by this process
  ChunkQueue waiting_ GUARDED_BY(mutex_);
  bool checking_ GUARDED_BY(mutex_) = false;  // check() is posted or runs; never twice at a time
};

/// Opens the files of a version, or makes them where there is room. `info` tells what else is known
/// of the object, and may be null. Null where that was not possible. Blocks on the disk.
std::shared_ptr<CacheFile> open_cache_file(const std::shared_ptr<CacheCore>& core,
                                           const VersionId& id, const ObjectInfo* info);
/// Opens files that are there, without counting that as a use.
std::shared_ptr<CacheFile> inspect_cache_file(const std::shared_ptr<CacheCore>& core,
                                              const VersionId& id);

}  // namespace penstock
