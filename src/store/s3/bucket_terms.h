// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// What a request does with objects, which decides what of a bucket's terms goes with it.
enum class ObjectUse : uint8_t {
  none,         ///< No object's bytes or attributes.
  reads,        ///< GetObject and HeadObject.
  stores,       ///< PutObject and CreateMultipartUpload, which settle how the object is kept.
  stores_part,  ///< UploadPart and CompleteMultipartUpload: as was settled.
  copies,       ///< CopyObject.
  copies_part,  ///< UploadPartCopy.
};

/// What the owner of a bucket asks of the requests to it, as headers. Immutable.
///
/// Which header goes with which request is AWS's (API reference of S3, one page per operation);
/// GET and HEAD with x-amz-server-side-encryption are refused there.
class BucketTerms {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// Asks for nothing.
  BucketTerms() = default;
  /// Reads the file of the key. invalid_argument or access_denied with a sentence for a person
  /// where the options can never work together, or the file holds no key.
  static Result<BucketTerms> make(const BucketTermsOptions& options);

  /// Appends what goes with a request.
  void add_headers(ObjectUse use, Headers& headers) const;
  /// A key goes with requests, which nobody on the way may see.
  bool has_key() const noexcept { return !key_.empty(); }
  /// Every object that is stored gets tags.
  bool has_tags() const noexcept { return !tags_.empty(); }
  /// The tags of an object that has `own` ("name=value&...", percent-encoded) when it is stored
  /// again: with these, which count where both have a name.
  std::string tags_beside(std::string_view own) const;
  /// Empty: nobody in particular.
  const std::string& expected_owner() const noexcept { return expected_owner_; }
  /// Objects get an ETag that is no MD5: by SSE-KMS or SSE-C.
  bool opaque_etags() const noexcept { return opaque_etags_; }

 private:
  Headers always_;
  Headers stored_;  ///< With what settles how an object is kept.
  Headers key_;     ///< With what touches its bytes.
  Headers source_;  ///< Where these are copied.
  std::vector<std::pair<std::string, std::string>> tags_;  ///< Not encoded.
  std::string expected_owner_;
  bool opaque_etags_ = false;
};

}  // namespace penstock
