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

// The operations of S3Store that may take more than one request. Each runs as an object of its own
// that keeps the session from ending. Called without locks; `done` as S3Session::send.

void head_object(S3Session& session, HeadRequest request, Done<ObjectInfo> done);

/// `metadata` with the tags of the object `source` in place of their number
/// (header::tagging_count), and those that every object is to have (BucketTerms). Where there is no
/// such object, or the server knows no tags, there are no others.
void complete_tags(S3Session& session, Metadata metadata, const std::string& source,
                   Done<Metadata> done);

/// Lets a request that stores its body (a part: of that upload) carry the body's CRC32C, where the
/// session verifies and the server takes it. The result is that CRC; nothing: it carries none.
std::optional<uint32_t> add_body_sum(S3Session& session, S3Request& request,
                                     const std::string& upload_id = {});

/// Whether `condition` holds now: for writes whose conditions some servers ignore without a word.
/// changed or already_exists where it does not.
void check_condition(S3Session& session, const std::string& key, const Precondition& condition,
                     Done<void> done);

/// Sends a write that carries `if_match` (in `request.headers`, quoted). Some servers (Ceph 16)
/// refuse a quoted, correct If-Match of a PUT: where a refusal contradicts what HEAD says of the
/// object, it goes once more without the quotes; where it "is not implemented", after a HEAD,
/// without the condition. The session remembers both. Code::changed also where there is no object,
/// which S3 calls NoSuchKey.
void send_if_match(S3Session& session, S3Request request, ETag if_match, Done<HttpResponse> done);

/// PutObject over the version `request.condition.if_match`, which is not empty, as send_if_match.
/// An object that is there already as the request would make it, from a try whose answer was lost,
/// is no refusal where its ETag shows that (S3Session::etags_are_md5s).
void put_if_match(S3Session& session, PutRequest request, Done<ObjectInfo> done);

/// Calls `done` with the object of that key if it has the size and the ETag of `wanted`, and where
/// `wanted` has metadata those too; with the error of a look that is worth another try; else with
/// `refusal`.
void finish_if_stored(S3Session& session, ObjectInfo wanted, const Error& refusal,
                      Done<ObjectInfo> done);

void list_all_parts(S3Session& session, std::string key, std::string upload_id,
                    Done<std::vector<CompletedPart>> done);
void list_all_uploads(S3Session& session, std::string prefix, Done<std::vector<UploadInfo>> done);

}  // namespace penstock
