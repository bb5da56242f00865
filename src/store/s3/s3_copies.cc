// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_copies.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "store/s3/checksum.h"
#include "store/s3/dates.h"
#include "store/s3/s3_operations.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"

namespace penstock {
namespace {

using Kind = ServerTraits::Kind;
using Guard = ServerTraits::Guard;
using Decoding = ServerTraits::Decoding;

Error is_other_version(const std::string& key) {
  return Error(Code::changed,
               Error::Detail{.message = "the source is not that version any more", .key = key});
}

/// The ETag that a copy's answer tells. Without one it is not believed.
Result<ETag> copied_etag(const XmlElement& answer, const std::string& key) {
  ETag etag = etag_in(answer);
  if (!etag.empty()) return etag;
  return Error(Code::unavailable,
               Error::Detail{.message = fmt::format(
                                 "the <{}> has no ETag: it may not have happened", answer.name),
                             .key = key});
}

/// check the target's condition → know the source and the server → copy → done, each where needed
class ObjectCopy : public std::enable_shared_from_this<ObjectCopy> {
 public:
  ObjectCopy(S3Session& session, CopyRequest request, Done<ObjectInfo> done)
      : session_(session),
        pass_(session.pass()),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void start() {
    const Precondition& condition = request_.condition;
    if (request_.source == request_.target && !request_.metadata) {
      return done_(Error(Code::invalid_argument,
                         Error::Detail{.message = "a copy onto itself must change something",
                                       .key = request_.target}));
    }
    if (condition.if_match.empty() && !condition.if_none_match) return know_source();
    check_condition(session_, request_.target, condition,
                    [self = shared_from_this()](const Result<void>& holds) {
                      if (!holds) return self->done_(holds.error());
                      self->know_source();
                    });
  }

 private:
  /// A copy leaves behind the class and the redirection of its source unless it names them. The
  /// answer also shows what the server is (see S3Session), and what it says of the source counts.
  void know_source() {
    const ETag& version = request_.source_if_match;
    if (request_.metadata && (version.empty() || session_.traits().kind != Kind::unknown))
      return send();
    head_object(session_, {.key = request_.source},
                [self = shared_from_this()](Result<ObjectInfo> source) {
                  if (!source) return self->done_(source.error());
                  const ETag& wanted = self->request_.source_if_match;
                  if (!wanted.empty() && source->etag != wanted)
                    return self->done_(is_other_version(self->request_.source));
                  if (!self->request_.metadata)
                    self->request_.metadata = std::move(source->metadata);
                  self->send();
                });
  }

  /// S3 takes the source's tags, or others instead of them.
  void send() {
    if (!session_.terms().has_tags()) return send_copy();
    Metadata metadata = std::move(*request_.metadata);
    metadata.try_emplace(header::tagging_count);  // Whoever gave it may not have been told.
    complete_tags(session_, std::move(metadata), request_.source,
                  [self = shared_from_this()](Result<Metadata> whole) {
                    if (!whole) return self->done_(whole.error());
                    self->request_.metadata = std::move(*whole);
                    self->send_copy();
                  });
  }

  void send_copy() {
    auto s3 = copy_request(request_, session_.bucket());
    if (!s3) return done_(s3.error());
    // Ceph's gateway reads this condition by a name of its own, and AWS's name not at all.
    if (!request_.source_if_match.empty() && session_.traits().kind == Kind::radosgw)
      s3->headers.emplace_back("x-amz-copy-if-match", quote_etag(request_.source_if_match));
    session_.send(std::move(*s3), [self = shared_from_this()](Result<HttpResponse> response) {
      self->done_(response ? self->read(*response) : Result<ObjectInfo>(response.error()));
    });
  }

  Result<ObjectInfo> read(const HttpResponse& response) const {
    const std::string& key = request_.target;
    const auto xml = parse_answer(
        response, {"CopyObjectResult", key, request_.condition.if_none_match, Code::unavailable});
    if (!xml) return xml.error();
    auto etag = copied_etag(*xml, key);
    if (!etag) return etag.error();
    return written_object(
        response, {.key = key,
                   .etag = std::move(*etag),
                   .last_modified_ns = parse_iso_date(xml->text_of("LastModified")).value_or(0)});
  }

  S3Session& session_;
  const Gate::Pass pass_;
  CopyRequest request_;
  Done<ObjectInfo> done_;
};

/// Some servers (Ceph 16) ignore the condition on the source or do not implement it, and decode its
/// name twice, so that a copy of "a%20b" is one of "a b". What a server does is tried once, with
/// the first byte of the copy, which the real one replaces:
///
///   learn the decoding → learn the guard → copy → look whether it still is that version → done
class PartCopy : public std::enable_shared_from_this<PartCopy> {
 public:
  PartCopy(S3Session& session, UploadPartCopy request, Done<CompletedPart> done)
      : session_(session),
        traits_(session.traits()),
        pass_(session.pass()),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void start() {
    if (!decoding_matters() || traits_.part_copy_decoding != Decoding::unknown)
      return learn_guard();
    probe(
        SourceSpelling::twice_in_full, {},
        [self = shared_from_this()](const Result<HttpResponse>& r) {
          if (r) {
            self->traits_.part_copy_decoding = Decoding::twice;
          } else if (is_retryable(r.code()) || r.error().detail().service_code == "NoSuchUpload") {
            return self->done_(r.error());
          }
          self->learn_guard();
        });
  }

 private:
  bool decoding_matters() const {
    return request_.source.find_first_of("%+?") != std::string::npos;
  }

  SourceSpelling spelling() const {
    return traits_.part_copy_decoding == Decoding::twice ? SourceSpelling::twice
                                                         : SourceSpelling::once;
  }

  void probe(SourceSpelling spelling, ETag if_match, Done<HttpResponse> done) {
    UploadPartCopy byte = request_;
    byte.source_range.length = 1;
    byte.source_if_match = std::move(if_match);
    session_.send(upload_part_copy_request(byte, session_.bucket(), spelling), std::move(done));
  }

  void learn_guard() {
    if (request_.source_if_match.empty() || traits_.part_copy_guard != Guard::unknown)
      return send();
    const ETag nobodys(32, '0');
    probe(spelling(), nobodys, [self = shared_from_this()](const Result<HttpResponse>& r) {
      const bool refused = !r && r.code() == Code::not_supported;
      if (!r && r.code() != Code::changed && !refused) return self->done_(r.error());
      self->traits_.part_copy_guard = r ? Guard::ignored : refused ? Guard::refused : Guard::kept;
      self->send();
    });
  }

  void send() {
    UploadPartCopy copy = request_;
    if (traits_.part_copy_guard == Guard::refused) copy.source_if_match.clear();
    session_.send(
        upload_part_copy_request(copy, session_.bucket(), spelling()),
        [self = shared_from_this()](Result<HttpResponse> response) {
          self->take(response ? self->read(*response) : Result<CompletedPart>(response.error()));
        });
  }

  Result<CompletedPart> read(const HttpResponse& response) const {
    // s3proxy answers as for CopyObject.
    const auto xml = parse_answer(response, {.root = "CopyPartResult",
                                             .key = request_.key,
                                             .otherwise = Code::unavailable,
                                             .or_root = "CopyObjectResult"});
    if (!xml) return xml.error();
    auto etag = copied_etag(*xml, request_.key);
    if (!etag) return etag.error();
    session_.upload_sums().add(request_.upload_id, request_.number,
                               parse_crc32c(xml->text_of("ChecksumCRC32C")));
    return CompletedPart{request_.number, std::move(*etag), request_.source_range.length};
  }

  void take(Result<CompletedPart> part) {
    if (!part && part.code() == Code::not_supported) traits_.no_part_copy = true;
    if (!part) return done_(part.error());
    if (decoding_matters() && traits_.part_copy_decoding == Decoding::unknown)
      traits_.part_copy_decoding = Decoding::once;
    if (request_.source_if_match.empty() || traits_.part_copy_guard == Guard::kept)
      return done_(std::move(part));
    // It was that version when the caller saw it: if it still is, that is what was copied.
    head_object(session_, {.key = request_.source},
                [self = shared_from_this(),
                 part = std::move(*part)](const Result<ObjectInfo>& source) mutable {
                  if (!source) return self->done_(source.error());
                  if (source->etag != self->request_.source_if_match)
                    return self->done_(is_other_version(self->request_.source));
                  self->done_(std::move(part));
                });
  }

  S3Session& session_;
  ServerTraits& traits_;
  const Gate::Pass pass_;
  const UploadPartCopy request_;
  Done<CompletedPart> done_;
};

}  // namespace

void copy_object(S3Session& session, CopyRequest request, Done<ObjectInfo> done) {
  std::make_shared<ObjectCopy>(session, std::move(request), std::move(done))->start();
}

void copy_part(S3Session& session, UploadPartCopy request, Done<CompletedPart> done) {
  std::make_shared<PartCopy>(session, std::move(request), std::move(done))->start();
}

}  // namespace penstock
