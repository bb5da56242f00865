// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/buffer_pool.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/scheduler.h"
#include "data/read/read_metrics.h"
#include "penstock/backing_file.h"
#include "penstock/cache_share.h"
#include "penstock/object_store.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "penstock/slices.h"

namespace penstock {

class DiskCache;

/// One version of one object, as the listing or a HEAD told it.
struct ObjectVersion {
  std::string key;
  ETag etag;
  uint64_t size = 0;
};

/// Reads one version of one object for everyone who has it open; finds their streams and fetches
/// ahead of them. Thread-safe. Dropping the last reference cancels what is still being fetched.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;

  /// Bytes of `range`, clipped to the object's size (beyond the end: empty). Completed as soon as
  /// these bytes have arrived, on the thread that received them, or before it returns where they
  /// are here already. changed: the object was replaced or deleted meanwhile; nothing of another
  /// version is ever returned. corrupt: bytes of a large object were not what the store has, and
  /// what was returned before may be wrong; so says each read from then on, and the cache forgets
  /// the version: a reader that is opened anew fetches it again. interrupted: `cancel` was asked
  /// for while waiting (the fetch goes on for others).
  virtual void read(ByteRange range, std::stop_token cancel, Done<Slices> done) = 0;

  /// For an open that wants to know whether the object is this version still: asks by the GET that
  /// the first read needs anyway, of a small object by that of all of it. True with the first
  /// bytes; changed as for a read. False where the store was not asked, since something of the
  /// object is in memory or in the cache.
  virtual void begin(Done<bool> done) = 0;

  /// The local file that has all of the object's bytes, for the kernel to read by itself; null
  /// where there is none (now). Never an error.
  virtual void find_backing(Done<std::shared_ptr<const BackingFile>> done) = 0;

  /// What the disk cache has of the object; not_supported where there is no cache.
  virtual void cache_share(Done<CacheShare> done) = 0;

  /// Fetches `range`, which lies inside the object, into the disk cache although nobody reads it
  /// yet, in the background: its requests give way to those that programs wait for, until a read
  /// wants these bytes, too. Of an object that is fetched whole this means all of it. Answers with
  /// the bytes that were fetched for it, when they have arrived; 0 where the cache has them, or
  /// somebody else fetches them. Until the cache's disk has them reads get them from memory.
  /// not_supported without a cache; no_space where no memory is left for what nobody waits for, or
  /// the cache takes nothing now; changed as for a read, but reads of what is here go on.
  virtual void fetch_ahead(ByteRange range, Done<uint64_t> done) = 0;
};

/// All reading of a mount: shares the link and the memory among its readers.
class ReadEngine {
 public:
  virtual ~ReadEngine() = default;

  /// `learned` is called at most a few times with what a GET's answer told of the object (its
  /// metadata).
  virtual std::shared_ptr<ObjectReader> open(ObjectVersion version,
                                             std::function<void(const ObjectInfo&)> learned) = 0;
};

struct ReadEngineParts {
  ObjectStore& store;
  MemoryBudget& budget;
  BufferPool& buffers;
  Scheduler& scheduler;
  std::shared_ptr<Log> log;
  DiskCache* cache = nullptr;  ///< Null: nothing is kept on disk.
  std::shared_ptr<ReadMetrics> metrics = std::make_shared<ReadMetrics>();
};

/// The parts must outlive the engine, the engine its readers.
std::unique_ptr<ReadEngine> make_read_engine(ReadEngineParts parts, ReadOptions options);

}  // namespace penstock
