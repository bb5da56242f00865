// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "data/write/change.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "penstock/slices.h"

namespace penstock {

/// Bytes of one version of an object.
struct CopySource {
  std::string key;
  ETag etag;
  ByteRange range;
};

/// The bytes of a file that is being written, as programs read and change them: those of its object
/// where nothing was written since, shared by all handles. Offsets and sizes are in bytes.
///
/// Thread-safe; changes that overlap in time are applied in some order, as on a local disk. A
/// `done` may be called before the call returns, so that no lock may be held by who gives one.
/// After FileDurability::abandon all calls that have one fail with cancelled.
class FileBytes {
 public:
  virtual ~FileBytes() = default;

  // How programs change the bytes. Each answers as `change` does, but for the offset.

  /// Puts `data` at `offset`; what is skipped behind the end becomes a hole.
  void write(uint64_t offset, std::span<const std::byte> data, Done<void> done);
  /// Writes at the present end, atomically with respect to other changes; `done` gets the offset.
  void append(std::span<const std::byte> data, Done<uint64_t> done);
  /// Cuts the file off at `size`, or makes it grow by a hole.
  void truncate(uint64_t size, Done<void> done);
  /// Has the file at least this size.
  void extend(uint64_t size, Done<void> done);
  /// Makes the range a hole, however long: it takes no memory. What of it lies behind the end makes
  /// the file grow where `grows`, else it is left out.
  void zero(ByteRange range, bool grows, Done<void> done);

  /// Copies the change's data before it returns; calls `done`, with the offset of what was written,
  /// when there is room for it in the memory budget or on the local disk: that is the
  /// back-pressure. too_large beyond the store's limit; no_space where a disk has been full for
  /// long; or the error with which the upload of an earlier part has failed, which a commit shows,
  /// too.
  virtual void change(const Change& change, Done<uint64_t> done) = 0;
  /// Has the store copy whole parts from another object to `offset`, as many as it can of
  /// `source.range`. `done` gets how many bytes the file has of it then, which are there to stay
  /// whatever becomes of the other object; 0, and nothing has changed, where that cannot be done:
  /// the bytes are then to be written.
  virtual void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) = 0;
  /// How far behind `offset` the next part begins that copy_parts may copy; 0: there. Locks may be
  /// held.
  virtual uint64_t until_part(uint64_t offset) const = 0;

  /// The file as it is now, clipped to size(). busy: of bytes that only the unfinished upload has,
  /// until a commit; changed: another client has replaced the object that they are in; cancelled:
  /// `cancel` was asked for.
  virtual void read(ByteRange range, std::stop_token cancel, Done<Slices> done) = 0;
  /// From `offset`, which is inside the file, on: where the first hole begins (the end of the file
  /// is one), or the first byte that is in none; absent where there is no such byte. Only what no
  /// version of the object ever had is a hole. May write to the local disk: no lock may be held.
  virtual std::optional<uint64_t> seek(uint64_t offset, bool hole) = 0;
  /// Somebody has the file open for reading, or will soon: whatever is sent stays readable, as far
  /// as the staging disk has room, however slow that is. Locks may be held.
  virtual void expect_reads() = 0;
  /// What is not committed counts, what waits for room does not. Locks may be held.
  virtual uint64_t size() const = 0;
};

}  // namespace penstock
