// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer_pool.h"
#include "base/deferred.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/scheduler.h"
#include "penstock/object_store.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "penstock/slices.h"

namespace penstock {

/// How a file's present contents become an object.
struct CommitRequest {
  Metadata metadata;
  Precondition condition;  ///< Only applied where the object was not yet written by this writer.
};

/// What a file starts from.
struct WriteBase {
  ObjectInfo object;  ///< The version whose bytes are kept where nothing is written.
};

/// Bytes of one version of an object.
struct CopySource {
  std::string key;
  ETag etag;
  ByteRange range;
};

/// The contents of one file that differ (or may differ) from its object: takes writes in any order,
/// uploads parts while the application still writes, and commits the whole as one object. Shared by
/// all handles of an inode. Thread-safe; calls to write and truncate that overlap in time are
/// applied in some order, as on a local disk. Who destroys it gives up what is not committed, and
/// may hold locks: what there is to cancel or to answer is so on the engine's scheduler.
class FileWriter {
 public:
  virtual ~FileWriter() = default;

  /// Copies `data` before it returns; calls `done` when the budget has room for it (the
  /// back-pressure), possibly before it returns. A failed upload of an earlier part shows here, and
  /// in commit. too_large beyond the store's limit.
  virtual void write(uint64_t offset, std::span<const std::byte> data, Done<void> done) = 0;
  /// Writes at the present end, atomically with respect to other writes; `done` gets the offset.
  virtual void append(std::span<const std::byte> data, Done<uint64_t> done) = 0;
  /// Cuts the file off at `size` bytes, or makes it grow by a hole. too_large beyond the store's
  /// limit.
  virtual void truncate(uint64_t size, Done<void> done) = 0;
  /// Has the file at least this size.
  virtual void extend(uint64_t size, Done<void> done) = 0;
  /// Makes the range a hole, however long: it takes no memory. What of it lies behind the end makes
  /// the file grow where `grows`, else it is left out.
  virtual void zero(ByteRange range, bool grows, Done<void> done) = 0;
  /// From `offset`, which is inside the file, on: where the first hole begins (the end of the file
  /// is one), or the first byte that is in none; absent where there is no such byte. Only what no
  /// version of the object ever had is a hole.
  virtual std::optional<uint64_t> seek(uint64_t offset, bool hole) = 0;
  /// Has the store copy whole parts from another object to `offset`, as many as it can of
  /// `source.range`. `done` gets how many bytes the file has of it then, which are there to stay
  /// whatever becomes of the other object; 0, and nothing has changed, where that cannot be done:
  /// the bytes are then to be written.
  virtual void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done);
  /// How far behind `offset` the next part begins that copy_parts may copy; 0: there.
  virtual uint64_t until_part(uint64_t offset) const;
  /// The file as it is now, dirty bytes included; clipped to size(). busy: of bytes that only the
  /// unfinished upload has, until a commit.
  virtual void read(ByteRange range, std::stop_token cancel, Done<Slices> done) = 0;
  /// Makes the present contents the object under the key: one PUT, or the rest of the multipart
  /// upload and Complete. Commits run one after another; what is written during one belongs to the
  /// next. Nothing dirty: succeeds at once with the last result. After a failure the bytes stay
  /// dirty and a later commit tries again.
  virtual void commit(CommitRequest request, Done<ObjectInfo> done) = 0;
  /// Takes another key if nothing was sent under the old one yet; false (and no change) otherwise.
  /// What it asks of the store then is left to `after`: the caller may hold locks.
  virtual bool rename(const std::string& key, Deferred& after) = 0;
  /// Whether its first commit fails with already_exists where there is an object, also one that it
  /// makes by itself, to have back bytes that only the store has. For writers that are not
  /// persistent.
  virtual void set_exclusive(bool /*exclusive*/) {}
  /// Somebody has the file open for reading, or will soon: whatever is sent stays readable, as far
  /// as the staging disk has room, however slow that is. For writers that are not persistent.
  virtual void expect_reads() {}
  /// Drops everything and aborts the multipart upload; later calls fail with Code::cancelled. For
  /// unlink and for a writer that is not needed any more.
  virtual void abandon(Callback<void()> done) = 0;

  /// Bytes of the file as it is now, dirty ones included.
  virtual uint64_t size() const = 0;
  virtual bool dirty()
      const = 0;  ///< True while something is not committed (a new file is, even if empty).

  /// The version in the store whose bytes it needs where nothing was written since; or none.
  virtual std::optional<ObjectInfo> base() const = 0;
  /// That version is under another key now, with another ETag: it is about to lose its name.
  virtual void base_moved(const std::string& key, const ETag& etag) = 0;

  // Writing back: what a writer does that keeps promises in the journal on a local disk.

  /// Whether it does. If so, commit stores what was persisted last, and what is written later
  /// belongs to a later one.
  virtual bool persistent() const { return false; }
  /// Makes the present contents, and that they shall become the object, safe against the end of
  /// this process and of the machine; a later mount commits what this one does not. The condition
  /// holds for the object that this writer makes first.
  virtual void persist(CommitRequest request, Done<void> done);
  /// The same for the key and the metadata of what was persisted before; nothing to do where
  /// nothing was.
  virtual void persist_name(CommitRequest request, Done<void> done);
  /// Something was persisted, or is being persisted, that is not committed.
  virtual bool pending() const { return false; }
  /// How often something was persisted that differs from what was before.
  virtual uint64_t promises() const { return 0; }
  /// Its file gets the name of `replaced`, also a persistent writer's: what that has stored is no
  /// conflict, and what it has persisted stays safe until something of this one is. Returns the
  /// version that `replaced` knows to be under its key; empty: none.
  virtual ETag succeed(FileWriter& replaced);
  /// Ends the upload, and begins none until release: the name is about to go. `done` gets whether
  /// an object may be under the key because of this writer.
  virtual void hold(Done<bool> done);
  /// Ends a hold: the name stays, or is another one by now, and uploads may begin again.
  virtual void release() {}
  /// Durably: the object under the key is about to be deleted. If this process ends before that is
  /// done, a later mount does it and shows nothing of the file. hold comes before; release takes it
  /// back.
  virtual void doom(Done<void> done);
  /// What was persisted is, durably, owed no more: the name is gone. The contents stay readable.
  virtual void disclaim(Done<void> done);
};

/// A multipart upload of an earlier process, and what the store has of it.
struct LeftUpload {
  std::string id;
  Metadata metadata;
  std::vector<CompletedPart> parts;
};

class UploadRegistry;

/// All writing of a mount: one budget, one limit of parts in flight.
class WriteEngine {
 public:
  virtual ~WriteEngine() = default;

  /// A writer for `key`. Without a base the file is new (or truncated) and empty, and dirty from
  /// the start; with one it is clean and has the base's size. `initial` is the metadata that a
  /// multipart upload is created with; commit makes good what changed since.
  virtual std::shared_ptr<FileWriter> open(std::string key, std::optional<WriteBase> base,
                                           Metadata initial) = 0;
};

/// A writer whose bytes go to the store from memory.
class DirectFileWriter : public FileWriter {
 public:
  /// After a write that failed because the upload of an earlier part had: sends that part again, so
  /// that the write can be repeated. Without it only a commit does.
  virtual void try_again() = 0;
  /// As write, of a whole block at a multiple of its size, without copying it: `block` is from
  /// DirectWriteEngine::new_block and the writer's from now on.
  virtual void write_block(uint64_t offset, std::shared_ptr<Buffer> block, Done<void> done) = 0;
};

/// The engine that writes into the store.
class DirectWriteEngine : public WriteEngine {
 public:
  /// As open, for who has the bytes on a local disk: what was sent is not kept to be read.
  /// `uploads` remembers what the writer begins, in place of the engine's registry.
  virtual std::shared_ptr<DirectFileWriter> begin(std::string key, std::optional<WriteBase> base,
                                                  Metadata initial,
                                                  std::shared_ptr<UploadRegistry> uploads) = 0;
  /// A writer for a new object that goes on with `upload`: what lies in its whole parts counts as
  /// written. `kept` gets the ranges of those.
  virtual std::shared_ptr<DirectFileWriter> resume(std::string key, LeftUpload upload,
                                                   std::shared_ptr<UploadRegistry> uploads,
                                                   std::vector<ByteRange>& kept) = 0;
  /// Bytes of the first parts, and of the largest single PUT.
  virtual uint64_t first_part_size() const = 0;
  /// Memory for DirectFileWriter::write_block, of block_size() bytes, which the writer pays for.
  virtual std::shared_ptr<Buffer> new_block() = 0;
  /// Bytes of a block. Constant.
  virtual uint64_t block_size() const = 0;
};

struct WriteEngineParts {
  ObjectStore& store;
  MemoryBudget& budget;
  BufferPool& buffers;
  Scheduler& scheduler;  ///< May block on local disks (staging).
  std::shared_ptr<Log> log;
  UploadRegistry& uploads;  ///< Of the writers that open() makes.
};

/// The parts must outlive the engine, the engine its writers.
std::unique_ptr<DirectWriteEngine> make_write_engine(WriteEngineParts parts, WriteOptions options);

}  // namespace penstock
