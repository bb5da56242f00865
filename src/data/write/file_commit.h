// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "data/write/file_strand.h"
#include "data/write/multipart_upload.h"

namespace penstock {

/// Makes the present contents of one file the object under its key: by one PUT, or by the rest of
/// the multipart upload and Complete; where only the metadata differ, by a copy onto itself. While
/// a commit runs the contents stand still. Commits run one after another.
///
///     prepare ──► putting ─────────────────────────► ended
///        │  ▲                                          ▲
///        │  └─ the store lost the upload ─┐            │
///        ├────────► completing ───────────┴──► describing
///        └── only metadata ───────────────────────►┘
///
/// Called under the file's lock, see FileStrand.
class FileCommit {
 public:
  /// Told under the file's lock.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// A commit has ended. `for_change`: one that the first waiting change had asked for.
    virtual void committed(const Result<ObjectInfo>& result, bool for_change, Deferred& after) = 0;
  };

  /// `upload` and `listener` must outlive it. `readable`: nobody else has the bytes that were sent.
  FileCommit(const MultipartUpload::Rooms& rooms, MultipartUpload& upload, Listener& listener,
             bool readable)
      : rooms_(rooms), upload_(upload), listener_(listener), readable_(readable) {}

  /// As FileDurability::commit.
  void begin(CommitRequest request, Done<ObjectInfo> done, Deferred& after);
  /// Whether a change of these bytes, which only the store may have, may commit the file first.
  bool may_go_midway(ByteRange range) const;
  /// Commits the file as it is so far, for the first waiting change: bytes that only the upload has
  /// can be had back from an object alone. Nobody outside has asked for it.
  void go_midway(Deferred& after);
  /// Calls `done` when the commit that runs has ended.
  void when_ended(Done<ObjectInfo> done) { waiters_.push_back(std::move(done)); }
  /// Goes on where something has ended.
  void advance(Deferred& after);

 private:
  enum class Step : uint8_t { prepare, putting, completing, describing };
  struct Pending {
    CommitRequest request;
    Done<ObjectInfo> done;
    bool own = false;  // nobody outside has asked for it
  };
  /// Unchanged bytes that are needed in memory, one piece after another.
  struct Fetch {
    ByteRange range;
    uint32_t part = 0;  // 0: for the whole object as one PUT
    ByteRange piece;
  };

  void begin(Pending pending, Deferred& after);
  void advance_later(Deferred& after);
  void plan(Deferred& after);
  void plan_parts(Deferred& after);
  void prepare_parts(Deferred& after);
  void start_put(Deferred& after);
  void put_done(const Result<ObjectInfo>& result, Deferred& after);
  void start_complete(Deferred& after);
  void complete_done(const Result<ObjectInfo>& result, Deferred& after);
  void adopt(ObjectInfo info, const Metadata& metadata, Deferred& after);
  void describe_object(Deferred& after);
  void described(const Result<ObjectInfo>& result, Deferred& after);
  void finish(const Result<ObjectInfo>& result, Deferred& after);

  // file_fetch.cc
  void start_fetch(ByteRange range, uint32_t part, Deferred& after);
  void fetch_next(Fetch fetch, std::optional<MemoryGrant> grant, Deferred& after);
  void fetch_ended(const Fetch& fetch, Deferred& after);
  void fetched(const Fetch& fetch, const Result<ObjectInfo>& result, Deferred& after);

  const MultipartUpload::Rooms rooms_;
  MultipartUpload& upload_;
  Listener& listener_;
  const bool readable_;

  // Of the commit that runs.
  CommitRequest request_;
  std::vector<Done<ObjectInfo>> waiters_;
  Step step_ = Step::prepare;
  bool for_change_ = false;  // the first waiting change waits for it, and fails with it
  bool reported_ = false;    // somebody outside is told of the object
  bool as_put_ = false;

  std::deque<Pending> pending_;
  bool said_midway_ = false;
};

}  // namespace penstock
