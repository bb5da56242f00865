// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/log.h"
#include "base/scheduler.h"
#include "journal/journal_state.h"
#include "journal/make_room.h"
#include "penstock/result.h"

namespace penstock {

struct JournalOptions {
  std::string directory;  ///< Where the journals of all mounts lie, one folder each.
  std::string identity;   ///< Of the store (ObjectStore::identity).
  std::string prefix;     ///< Of the mount.
  bool shared = false;    ///< The directory may lie where other machines see it.
  MakeRoom make_room;     ///< May be empty.
};

/// What programs were promised but the bucket does not have yet: bytes in data segments, and in a
/// log what they mean. docs/journal-format.md says how both look on disk.
///
/// A mount has one journal, in a folder of its own that is locked (flock) while the mount lives.
/// A file of the journal is what one FileWriter holds; its number is never used again.
/// Thread-safe. Methods block on the disk unless they say otherwise.
class Journal {
 public:
  /// What a dead mount left, with its data checked.
  struct Left {
    std::vector<JournalState> files;     ///< In the order of their last states.
    std::vector<JournalUpload> uploads;  ///< Begun and not ended, in the order of their beginning.
    std::vector<JournalDamage> damaged;  ///< Promised, but their bytes do not hold. They stay in
                                         ///< the folder until somebody removes it.
  };

  /// Opens the journal of this mount. Where a dead mount of the same identity and prefix left one,
  /// that is taken over (of several the oldest; the others wait for later mounts) and `left` says
  /// what is in it. not_supported: its version is not known to this program, or
  /// other machines may see the folder and JournalOptions::shared does not allow that;
  /// access_denied, no_space, unavailable: the folder cannot be made or written.
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options, Left& left,
                                               Scheduler& scheduler, std::shared_ptr<Log> log,
                                               std::shared_ptr<Disk> disk = Disk::system());
  /// Makes durable what waits (also where the scheduler runs nothing any more) and answers it, then
  /// lets go of the folder: with all that is in it where nothing is pending. Not from a `done`.
  virtual ~Journal() = default;

  virtual uint64_t new_file() = 0;  ///< A number. Does not block.

  /// Stores `bytes` (1 to 16 MiB) in a data segment, not durable yet. no_space: nothing of it is
  /// stored. What is written is handed to the disk soon, so that a later flush finds little to do.
  virtual Result<std::shared_ptr<const JournalPiece>> append(std::span<const std::byte> bytes) = 0;
  /// Reads from `skip` bytes into the piece on; `out` must end within it. Pieces of a journal that
  /// was closed meanwhile can be read on.
  virtual Result<void> read(const JournalPiece& piece, uint64_t skip,
                            std::span<std::byte> out) const = 0;

  /// The file is from now on as `state` says (which replaces the one before, its key included).
  /// Calls `done` when that and all the data and records before it are durable. States are applied
  /// in the order of the calls. Does not block, and never calls `done` before it returns; callers
  /// at the same time share one flush.
  /// invalid_argument, too_large: the state cannot be written at all.
  /// no_space: it was not written, and what was recorded before stands; so with unavailable, where
  /// the journal takes nothing more if it was a flush that failed. cancelled: the scheduler has
  /// stopped.
  virtual void record(JournalState state, Done<void> done) = 0;
  /// Nothing is pending of the file any more: it is in the bucket, or it was deleted. `done` as
  /// above. Gets through although the disk is full, and although records before it did not: what
  /// must be durable before is to be waited for.
  virtual void forget(uint64_t file, Done<void> done) = 0;
  /// For status: the file's upload failed for now. Not flushed.
  virtual void note_failure(uint64_t file, std::string message) = 0;
  /// Multipart uploads, for the next mount. Durable with the next record. Does not block.
  virtual void upload_began(JournalUpload upload) = 0;
  /// The upload was completed or aborted: no later mount goes on with it.
  virtual void upload_ended(const std::string& upload_id) = 0;

  /// What is pending at this moment. Does not block on the disk.
  virtual JournalStats stats() const = 0;
};

}  // namespace penstock
