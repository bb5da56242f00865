// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer_pool.h"
#include "base/deferred.h"
#include "data/write/block_map.h"
#include "data/write/change.h"
#include "data/write/gathering.h"
#include "data/write/outgoing.h"
#include "data/write/part_layout.h"
#include "data/write/segment_map.h"
#include "data/write/staging_file.h"

namespace penstock {

/// Bytes of one file on their way from memory to its staging file. Until WriterContents::staged (or
/// the end of the job) nobody may write to them.
struct StagingJob {
  struct Piece {
    uint64_t offset;
    std::span<const std::byte> bytes;
    std::shared_ptr<const Buffer> buffer;
  };
  ByteRange range;
  uint64_t round = 0;  ///< Of WriterContents when the job was made.
  std::shared_ptr<StagingFile> file;
  std::vector<Piece> pieces;

  /// Writes them; makes the staging file in `directory` where there is none yet. Blocks on the
  /// disk. Errors as StagingFile's.
  Result<void> run(const std::string& directory);
};

/// The bytes of one file that is being written, wherever each of them is: in memory, in the staging
/// file, in the unfinished upload, or in the object that the file started from. One owner for the
/// map of sources, the blocks and the staging file, which change together.
///
/// Not thread-safe: the file's lock is held by the caller. What must wait until that lock is given
/// back (letting go of memory) goes to the caller's Deferred. Ranges are in bytes of the file.
class WriterContents {
 public:
  /// Both must outlive it.
  WriterContents(BufferPool& buffers, const PartLayout& layout)
      : layout_(layout), blocks_(buffers, layout.block_size()) {}

  /// Before anything else: the file is as an object of `size` bytes, the base.
  void start_from_base(uint64_t size);

  uint64_t size() const noexcept { return map_.size(); }
  /// How much of the base no truncation has cut off.
  uint64_t base_limit() const noexcept { return base_limit_; }
  bool any(ByteRange range, SourceMask sources) const { return map_.any(range, sources); }
  bool any(SourceMask sources) const { return map_.any({0, map_.size()}, sources); }
  uint64_t bytes(ByteRange range, Source source) const { return map_.bytes(range, source); }
  template <typename Visitor>
  void visit(ByteRange range, Visitor&& visitor) const {
    map_.visit(range, std::forward<Visitor>(visitor));
  }
  /// As FileBytes::seek.
  std::optional<uint64_t> seek(uint64_t offset, bool hole) const;
  /// Whether the file takes memory or disk.
  bool holds_bytes() const { return staging_ != nullptr || any(mask(Source::memory)); }
  /// The bytes of a part that the file has now.
  ByteRange clip(uint32_t number) const noexcept;

  /// What must be reserved before `range` is written, in bytes.
  uint64_t memory_for(ByteRange range) const { return blocks_.needed(range); }
  /// Takes the change's data, or its block; `memory` pays for memory_for(range).
  void write(ByteRange range, const Change& change, Reservation memory, Deferred& after);
  /// False, and nothing has changed, where all of it was a hole before.
  bool make_hole(ByteRange range, Deferred& after);
  /// Growth is a hole; what is cut off is let go.
  void resize(uint64_t size, Deferred& after);

  /// Copies what is in memory of `range`, which must be.
  void copy_out(uint64_t offset, std::span<std::byte> out) const { blocks_.copy_out(offset, out); }
  /// What has the bytes that are `staged`.
  const std::shared_ptr<StagingFile>& staging() const noexcept { return staging_; }
  /// The bytes of `range`, none of which may be `sent` or `base`, for a request.
  void collect(ByteRange range, Outgoing& outgoing) const;

  /// What is in memory of `range` is had from `where` from now on.
  void let_go(ByteRange range, Source where, Deferred& after);
  /// Other bytes are in the range's place, and only the unfinished upload has them.
  void replaced_in_upload(ByteRange range, Deferred& after);
  /// The object has all of it: sent and staged bytes are had from there.
  void became_object(Deferred& after);
  /// Forgets everything; the file is empty.
  void clear(Deferred& after);

  /// What is in memory of `range`, for the staging file.
  std::shared_ptr<StagingJob> job(ByteRange range) const;
  /// Whether what the job has written is still of use.
  bool current(const StagingJob& job) const noexcept { return job.round == staging_round_; }
  /// The job, which is current, has succeeded: its bytes are had from the disk.
  void staged(const StagingJob& job, Deferred& after);

  /// The first bytes of `range` that only the base has, at most so many that they lie in
  /// `most_blocks` blocks; empty: none.
  ByteRange next_of_base(ByteRange range, uint64_t most_blocks) const;
  /// Where the bytes of `piece`, of next_of_base, are to be put; `memory` pays for
  /// memory_for(piece). Their memory stays until arrived().
  std::shared_ptr<BodySink> open_for(ByteRange piece, Reservation memory, Deferred& after);
  /// The bytes of `piece` have arrived in their memory. If they have `failed` to, they are still to
  /// be had from the base alone.
  void arrived(ByteRange piece, bool failed);

 private:
  void leave_staging(Deferred& after);

  const PartLayout& layout_;
  SegmentMap map_;
  BlockMap blocks_;
  uint64_t base_limit_ = 0;
  std::shared_ptr<StagingFile> staging_;
  uint64_t staging_round_ = 0;  // rises when what is staged becomes superfluous
};

}  // namespace penstock
