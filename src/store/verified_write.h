// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "store/retry_call.h"

namespace penstock {

/// A put whose condition may be violated by its own earlier try: if an answer was lost and the
/// repeat is refused by If-None-Match or If-Match, the object is fetched and compared (bytes and
/// metadata; ETags are MD5s on some stores only). Equal means that the lost try did it.
class VerifiedPut final : public SimpleCall<ObjectInfo> {
 public:
  VerifiedPut(const std::shared_ptr<RetryShared>& shared, PutRequest request,
              Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  void compare(const Error& refusal);

  const std::shared_ptr<const PutRequest> request_;
};

/// A Complete that is believed undone only after a look: where the upload is gone, or the condition
/// fails after a lost answer, HEAD tells whether the object is the one that these parts make.
class VerifiedComplete final : public SimpleCall<ObjectInfo> {
 public:
  VerifiedComplete(const std::shared_ptr<RetryShared>& shared, CompleteUpload request,
                   Done<ObjectInfo> done);

 protected:
  void ended(Result<ObjectInfo> result) override;

 private:
  void look(const Error& refusal);

  const std::shared_ptr<const CompleteUpload> request_;
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
