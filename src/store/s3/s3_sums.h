// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/object_sums.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// What the headers of a HEAD's answer say that the object's bytes must be: its checksum, or else
/// its ETag, where `etags_may_be_md5s` and the answer does not tell of encryption that makes
/// another one. Pure.
ObjectSum object_sum(const HttpHeaders& headers, ObjectInfo object, bool etags_may_be_md5s);

/// The checksums of the objects of a session's bucket. One operation is one HEAD, as S3Store's are.
class S3Sums final : public ObjectSums {
 public:
  /// `session` must outlive it.
  explicit S3Sums(S3Session& session) : session_(session) {}

  void look(HeadRequest request, Done<ObjectSum> done) override;
  void look_at_part(PartSumRequest request, Done<PartSum> done) override;

 private:
  S3Session& session_;
};

}  // namespace penstock
