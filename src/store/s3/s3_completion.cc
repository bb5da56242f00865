// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_completion.h"

#include <memory>
#include <utility>

#include "store/s3/checksum.h"
#include "store/s3/expected_etag.h"
#include "store/s3/s3_operations.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"

namespace penstock {
namespace {

/// Ceph says so for as long as another request completes the upload, but also for ever if there is
/// no such upload.
bool says_in_progress(const Error& error) {
  return error.detail().service_code == "InternalError" &&
         error.message() == "This multipart completion is already in progress";
}

/// Cloudflare R2 says so when all has been sent, and in vain.
Error with_advice(const Error& error) {
  if (error.message().find("parts must have the same length") == std::string_view::npos)
    return error;
  Error::Detail detail = error.detail();
  detail.message += " (mount with --equal-parts=on)";
  return Error(error.code(), std::move(detail));
}

/// [check the condition] → complete ──answer with an ETag──────────────────> done
///                            ├─ any other 200 → look at the object ───────> done
///                            └─ "in progress" → look for the upload ──────> done
class Completion : public std::enable_shared_from_this<Completion> {
 public:
  Completion(S3Session& session, CompleteUpload request, Done<ObjectInfo> done)
      : session_(session),
        pass_(session.pass()),
        request_(std::move(request)),
        done_(std::move(done)) {
    object_.key = request_.key;
    for (const CompletedPart& part : request_.parts) object_.size += part.size;
  }

  void start() {
    const Precondition& condition = request_.condition;
    const bool seen = request_.just_seen && !condition.if_none_match;
    if (seen || (condition.if_match.empty() && !condition.if_none_match)) return complete();
    check_condition(session_, request_.key, condition,
                    [self = shared_from_this()](const Result<void>& holds) {
                      if (!holds) return self->refused(holds.error());
                      self->complete();
                    });
  }

 private:
  void complete() {
    crc_ = session_.upload_sums().whole(request_.upload_id, request_.parts);
    S3Request s3 = complete_upload_request(request_, crc_);
    auto answered = [self = shared_from_this()](Result<HttpResponse> response) {
      self->take(std::move(response));
    };
    const ETag& if_match = request_.condition.if_match;
    if (if_match.empty()) return session_.send(std::move(s3), std::move(answered));
    send_if_match(session_, std::move(s3), if_match, std::move(answered));
  }

  void take(Result<HttpResponse> response) {
    if (!response && says_in_progress(response.error())) return look_for_upload(response.error());
    if (!response) return refused(with_advice(response.error()));
    const auto xml = parse_answer(*response, {"CompleteMultipartUploadResult", request_.key,
                                              request_.condition.if_none_match, Code::unavailable});
    if (xml) {
      const auto told = parse_crc32c(xml->text_of("ChecksumCRC32C"));
      if (crc_ && told && *told != *crc_) return done_(was_damaged());
      object_.etag = etag_in(*xml);
      if (!object_.etag.empty()) return done_(written_object(*response, std::move(object_)));
      return look_at_object(
          Error(Code::unavailable,
                Error::Detail{.message = "the answer has no ETag: it may not have happened",
                              .key = request_.key}));
    }
    const bool no_answer = xml.error().detail().service_code.empty();
    if (no_answer && own_etag()) return look_at_object(xml.error());
    done_(xml.error());
  }

  Error was_damaged() const {
    return Error(Code::corrupt,
                 Error::Detail{.message = "the store has made another object of the parts",
                               .key = request_.key});
  }

  /// Ceph 16.2 tells no ETag, and writes what is no XML where a key has nearly 1,024 bytes: the
  /// object itself shows whether it is made of the parts.
  void look_at_object(const Error& otherwise) {
    if (!session_.etags_are_md5s()) return done_(otherwise);
    head_object(session_, {.key = request_.key},
                [self = shared_from_this(), otherwise](Result<ObjectInfo> found) {
                  if (!found || !is_made_of(*found, self->request_.parts))
                    return self->done_(otherwise);
                  found->metadata.reset();
                  self->done_(std::move(found));
                });
  }

  /// What the object's ETag will be; nothing where that cannot be foretold.
  std::optional<ETag> own_etag() const {
    return session_.etags_are_md5s() ? multipart_etag(request_.parts) : std::nullopt;
  }

  /// An earlier request of the same may have made the object, and its answer was lost.
  void refused(const Error& error) {
    const std::optional<ETag> own = own_etag();
    const bool doubtful = error.code() == Code::changed || error.code() == Code::not_found;
    if (!doubtful || !own) return done_(error);
    object_.etag = *own;
    finish_if_stored(session_, std::move(object_), error, std::move(done_));
  }

  void look_for_upload(const Error& in_progress) {
    session_.send(list_parts_request(request_.key, request_.upload_id, {}),
                  [self = shared_from_this(), in_progress](const Result<HttpResponse>& parts) {
                    const bool gone = !parts && parts.code() == Code::not_found;
                    self->done_(gone ? parts.error() : in_progress);
                  });
  }

  S3Session& session_;
  const Gate::Pass pass_;
  const CompleteUpload request_;
  ObjectInfo object_;
  std::optional<uint32_t> crc_;  ///< Of the whole object; nothing: it is not known.
  Done<ObjectInfo> done_;
};

}  // namespace

void complete_parts(S3Session& session, CompleteUpload request, Done<ObjectInfo> done) {
  std::make_shared<Completion>(session, std::move(request), std::move(done))->start();
}

}  // namespace penstock
