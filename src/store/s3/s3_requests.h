// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/s3_session.h"

namespace penstock {

/// Everything here is pure: what a caller asks for in, the S3 request out. invalid_argument or
/// name_too_long for what can never be sent.

/// Refuses what is no key: empty ones would name the bucket.
std::optional<Error> check_key(const std::string& key);
/// Refuses names and values that a header cannot carry unchanged.
std::optional<Error> check_metadata(const Metadata& metadata, const std::string& key);

/// Refuses numbers outside 1 to 10,000, of which some servers would make a part.
std::optional<Error> check_part_number(uint32_t number);
/// Refuses lists of parts that are empty or not in order, which some servers would put in order.
std::optional<Error> check_parts(const std::vector<CompletedPart>& parts);

S3Request get_request(const GetRequest& request);
S3Request list_request(const ListRequest& request);
Result<S3Request> put_request(PutRequest request);
Result<S3Request> copy_request(const CopyRequest& request, const std::string& bucket);
S3Request rename_request(const RenameRequest& request);
S3Request restore_request(const RestoreRequest& request);
/// `checked`: asks the server to make a CRC32C of the whole object.
Result<S3Request> create_upload_request(const CreateUpload& request, bool checked);
S3Request upload_part_request(UploadPart request);
/// How x-amz-copy-source names a key: percent-encoded once or twice, or twice with every byte of
/// it, which no object is called by if it is decoded once.
enum class SourceSpelling : uint8_t { once, twice, twice_in_full };
S3Request upload_part_copy_request(const UploadPartCopy& request, const std::string& bucket,
                                   SourceSpelling spelling);
/// `crc`: CRC32C of the whole object, by which the server checks what it puts together.
S3Request complete_upload_request(const CompleteUpload& request, std::optional<uint32_t> crc);
S3Request remove_many_request(const std::vector<std::string>& keys);

/// A request for a page of one of the lists of multipart uploads. Empty markers are left out.
S3Request list_parts_request(const std::string& key, const std::string& upload_id,
                             const std::string& marker);
struct UploadsMarker {
  std::string key;
  std::string upload_id;
};
/// `plain`: the keys shall not be percent-encoded.
S3Request list_uploads_request(const std::string& prefix, const UploadsMarker& marker, bool plain);

}  // namespace penstock
