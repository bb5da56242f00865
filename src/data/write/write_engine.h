// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer_pool.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "base/scheduler.h"
#include "data/write/file_bytes.h"
#include "data/write/file_durability.h"
#include "penstock/object_store.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// What a file starts from.
struct WriteBase {
  ObjectInfo object;  ///< The version whose bytes are kept where nothing is written.
};

/// One file that is being written: takes changes in any order, uploads parts while the program
/// still writes, and becomes one object. Shared by all handles of an inode. Who destroys it gives
/// up what is not committed (but not what was persisted), and may hold locks: what there is to
/// cancel or to answer is so on the engine's scheduler.
class FileWriter : public FileBytes, public FileDurability {};

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

  /// A writer for the name. Without a base the file is new (or truncated) and empty, and dirty from
  /// the start; with one it is clean and has the base's size. `initial` is the metadata that a
  /// multipart upload is created with; commit makes good what changed since.
  virtual std::shared_ptr<FileWriter> open(NewName name, std::optional<WriteBase> base,
                                           Metadata initial) = 0;
};

/// How a direct writer's present contents become an object.
struct CommitRequest {
  Metadata metadata;
  /// Decided already, by who keeps the promise; absent: the writer decides, see WriteCondition.
  /// Only applied where the object was not yet written by this writer.
  std::optional<Precondition> condition;
};

/// A writer whose bytes go to the store from memory.
class DirectFileWriter : public FileWriter {
 public:
  /// As commit, for who has promised the contents.
  virtual void commit_as(CommitRequest request, Done<ObjectInfo> done) = 0;
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
