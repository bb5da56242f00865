// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "data/write/file_strand.h"
#include "data/write/part_memory.h"
#include "data/write/part_staging.h"
#include "data/write/part_table.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"
#include "data/write/writer_object.h"
#include "data/write/writer_phase.h"

namespace penstock {

class Outgoing;

/// Parts of one file on their way from another object, at once. Until they have arrived the
/// contents stand still, as in a commit, and are as before.
struct PartsCopy {
  CopySource source;
  ByteRange range;  ///< In the file: whole parts.
  uint32_t first = 0;
  uint32_t last = 0;
  std::optional<Error> error;
  Done<uint64_t> done;
};

/// One multipart upload from its creation to its end. Requests remember theirs: an answer for an
/// upload that is not the file's present one any more changes nothing.
struct UploadSession {
  std::string key;
  Metadata metadata;
  std::string id;          ///< Empty until it is created.
  uint32_t last_part = 0;  ///< The highest number that was sent; 0: none.
};

/// The unfinished multipart upload of one file: when it is created, which parts go ahead of the
/// commit, how each is sent, and what becomes of them where a request fails or the store loses the
/// upload. Called under the file's lock, see FileStrand.
///
/// Parts are sent as soon as they are complete and the file has grown past them. Every part that
/// was sent is named when the upload is completed, for some stores (Ceph) refuse to leave one out:
/// a file that is cut off below such parts gets a new upload.
class MultipartUpload {
 public:
  /// What of the file it knows and changes. All of it must outlive the upload.
  struct Rooms {
    WriteCore& core;
    FileStrand& strand;
    UploadRegistry& registry;
    WriterContents& contents;
    PartTable& parts;
    PartMemory& memory;
    PartStaging& staging;
    WriterObject& object;
    WriterPhase& phase;
  };
  explicit MultipartUpload(const Rooms& rooms) : rooms_(rooms) {}

  bool exists() const noexcept { return session_ != nullptr; }
  bool created() const noexcept { return exists() && !session_->id.empty(); }
  /// The one that exists.
  const UploadSession& session() const { return *session_; }

  /// Goes on with one of an earlier process; returns the ranges that it has.
  std::vector<ByteRange> resume(LeftUpload upload, Deferred& after);
  /// Creates an upload, where there is none.
  void create(Deferred& after);
  /// Aborts the upload that exists. If that fails, the upload stays in the registry, and the next
  /// mount aborts it.
  void retire(Deferred& after);
  /// As retire, and the parts that the upload had are sent again in another one.
  void begin_again(Deferred& after);
  /// The store has made the object of the upload's parts.
  void completed(Deferred& after);
  /// The store does not know the upload any more: it was restarted, or another client aborted the
  /// upload.
  void lose(const Error& error, Deferred& after);

  /// Sends the part ahead of the commit if that is likely not to be in vain.
  void consider(uint32_t number, Deferred& after);
  void consider_all(Deferred& after);
  /// The part's bytes are about to differ from what was stored of it.
  void touch(uint32_t number);
  /// Has the part sent in its turn.
  void make_ready(uint32_t number, Deferred& after);
  /// Whether an upload of a file of `size` would leave out parts that were sent.
  bool leaves_parts_out(uint64_t size) const;
  /// Bytes on their way to the store, none of which may be `sent` or `base`.
  std::shared_ptr<Outgoing> collect(ByteRange range) const;
  /// Gives `outgoing` to `send` as a body, without the lock; where some of it is staged, once that
  /// is mapped.
  void deliver(const std::shared_ptr<Outgoing>& outgoing, Callback<void(Result<Body>)> send,
               Deferred& after);

  /// What a change of the file fails with: bytes that are lost, for ever; or a part that was sent
  /// early, until a commit tries again.
  const std::optional<Error>& lost() const noexcept { return lost_; }
  const std::optional<Error>& failure() const noexcept { return failure_; }
  /// Tries again after a failure.
  void forgive() noexcept;
  void stored() noexcept { restarts_ = 0; }

  bool copies_parts() const noexcept { return copies_parts_; }
  /// Starts to copy parts from another object; as FileBytes::copy_parts. `busy`: the file cannot
  /// stand still now.
  void copy_parts(uint64_t offset, CopySource source, bool busy, Done<uint64_t> done,
                  Deferred& after);
  bool copying() const noexcept { return copy_.has_value(); }
  /// Ends the copy once none of its parts is under way.
  void check_copy(Deferred& after);

 private:
  /// Takes the slots for one way of sending.
  struct Sender final : UploadSlots::User {
    Sender(MultipartUpload& the_upload, PartTable::Way the_way)
        : upload(the_upload), way(the_way) {}
    void use_slot() override;
    MultipartUpload& upload;
    const PartTable::Way way;
  };
  using Session = std::shared_ptr<UploadSession>;

  UploadSlots& slots(PartTable::Way way) const {
    return way == PartTable::Way::bytes ? rooms_.core.slots : rooms_.core.copy_slots;
  }
  void request_slots(PartTable::Way way, uint32_t count);
  void was_created(const Session& session, const Result<std::string>& id, Deferred& after);
  void abort(const Session& session, Deferred& after);
  bool send_next(PartTable::Way way, Deferred& after);
  void send_bytes(uint32_t number, Deferred& after);
  void send_copy(uint32_t number, Deferred& after);
  Done<CompletedPart> part_answer(uint32_t number, PartTable::Way way);
  void part_done(const Session& session, uint32_t number, const Result<CompletedPart>& result,
                 Deferred& after);
  void part_failed(uint32_t number, const Error& error, Deferred& after);
  void forget_sent_parts();

  // multipart_copy.cc
  bool copies(uint32_t number) const noexcept {
    return copy_ && copy_->first <= number && number <= copy_->last;
  }
  bool takes_copy(uint32_t number) const;
  void part_copied(const Session& session, const Result<CompletedPart>& result, uint32_t number,
                   Deferred& after);
  void adopt_copy(const PartsCopy& copy, Deferred& after);
  void undo_copy(const PartsCopy& copy, Deferred& after);

  const Rooms rooms_;
  Sender bytes_sender_{*this, PartTable::Way::bytes};
  Sender copy_sender_{*this, PartTable::Way::copy};
  Session session_;
  std::optional<PartsCopy> copy_;
  std::optional<Error> failure_;
  std::optional<Error> lost_;
  bool sends_ahead_ = true;
  bool copies_parts_ = true;  // the store can
  uint32_t restarts_ = 0;     // uploads lost since the last commit
};

}  // namespace penstock
