// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "store/retry_call.h"

namespace penstock {

/// A write that asks whose the object under a key is before it believes a refusal.
class VerifiedCall : public SimpleCall<ObjectInfo> {
 protected:
  using SimpleCall::SimpleCall;
  using Judge = std::function<bool(const ObjectInfo&)>;

  /// Succeeds with the object under `key` if `ours` says that this call made it; else the refusal
  /// stands, or, where the store does not answer, the write is tried again.
  void look_at(const std::string& key, const Error& refusal, Judge ours);
};

/// A put whose condition may be violated by its own earlier try: by one whose answer was lost, or
/// by one that libcurl or a proxy repeated, of which nothing is known here.
///
/// One with If-None-Match carries a writer's mark (base/writer_mark.h), unless its caller has put
/// one there for several writes, and after each refusal HEAD tells whose the object is. Equal bytes
/// would not: of two nodes that make one lock file, both write the same. Where a store tells no
/// metadata, and with If-Match, where the bytes matter and not who wrote them, the object is
/// fetched and compared (bytes and metadata; ETags are MD5s on some stores only): the first of them
/// if an answer was lost before, the second on each refusal.
class VerifiedPut final : public VerifiedCall {
 public:
  VerifiedPut(const std::shared_ptr<RetryShared>& shared, PutRequest request,
              Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  struct Marked {
    std::shared_ptr<const PutRequest> request;
    std::string mark;
  };

  VerifiedPut(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
              Done<ObjectInfo> done);
  static Marked mark(PutRequest request);
  void look(const Error& refusal);
  void compare(const Error& refusal);

  const std::shared_ptr<const PutRequest> request_;
  const std::string mark_;  ///< Of this put alone; empty: none.
};

/// A copy whose condition, on its target or on its source where it copies an object onto itself,
/// may be violated by its own earlier try. Where it gives the target metadata, a writer's mark is
/// among them, and after each refusal HEAD tells whether the target is the one that it made.
class VerifiedCopy final : public VerifiedCall {
 public:
  VerifiedCopy(const std::shared_ptr<RetryShared>& shared, CopyRequest request,
               Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  struct Marked {
    std::shared_ptr<const CopyRequest> request;
    std::string mark;
  };

  VerifiedCopy(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
               Done<ObjectInfo> done);
  static Marked mark(CopyRequest request);

  const std::string target_;
  const std::string mark_;  ///< Of this copy alone; empty: none.
};

/// Begins an upload with a writer's mark among its metadata, unless its caller has put one there,
/// by which VerifiedComplete knows the object.
class VerifiedCreate final : public SimpleCall<std::string> {
 public:
  VerifiedCreate(const std::shared_ptr<RetryShared>& shared, CreateUpload request,
                 Done<std::string> done);

 protected:
  void ended(Result<std::string> result) override;

 private:
  struct Marked {
    std::shared_ptr<const CreateUpload> request;
    std::string mark;
  };

  VerifiedCreate(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
                 Done<std::string> done);
  static Marked mark(CreateUpload request);

  const std::string mark_;
};

/// A Complete that is believed undone only after a look: where the upload is gone, or the condition
/// fails, HEAD tells whether the object is this upload's: by the mark that it was begun with, or,
/// where that is not known, by the ETag that its parts make. A store with ETags of its own, and an
/// upload that an earlier process began, prove nothing: then it is not believed, for the version
/// before may have the same size and number of parts.
///
/// Where another write is in the way (AWS: 409), the same Complete will not do: an upload whose
/// caller can begin it again is aborted, and is not found then.
class VerifiedComplete final : public VerifiedCall {
 public:
  VerifiedComplete(const std::shared_ptr<RetryShared>& shared, CompleteUpload request,
                   Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  bool is_ours(const ObjectInfo& found) const;
  void meet_conflict(const Error& conflict);

  const std::string mark_;  ///< Empty: not known.
  const std::shared_ptr<const CompleteUpload> request_;
  uint32_t conflicts_ = 0;
};

/// A rename that finds its source gone, or its condition violated, may have been done by a try
/// whose answer was lost: it was where the target is the source's version and the source is gone.
/// All tries have the same token, so that stores which know it need not be asked.
class VerifiedRename final : public SimpleCall<ObjectInfo> {
 public:
  VerifiedRename(const std::shared_ptr<RetryShared>& shared, RenameRequest request,
                 Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  VerifiedRename(const std::shared_ptr<RetryShared>& shared,
                 const std::shared_ptr<const RenameRequest>& request, Done<ObjectInfo> done);
  void look_at_source(const Error& refusal);
  void look_at_target(const Error& refusal);

  const std::shared_ptr<const RenameRequest> request_;
};

}  // namespace penstock
