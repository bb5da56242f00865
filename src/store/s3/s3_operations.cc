// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_operations.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "store/s3/checksum.h"
#include "store/s3/expected_etag.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"

namespace penstock {
namespace {

/// quoted ──412──> look (HEAD) ──same ETag──> bare ──> done
///   └──"not implemented"──> look ──same ETag──> without ──> done
class IfMatchWrite : public std::enable_shared_from_this<IfMatchWrite> {
 public:
  IfMatchWrite(S3Session& session, S3Request request, ETag if_match, Done<HttpResponse> done)
      : session_(session),
        pass_(session.pass()),
        request_(std::move(request)),
        if_match_(std::move(if_match)),
        done_(std::move(done)) {}

  void start() {
    if (session_.traits().no_if_match) return send_without();
    if (session_.traits().bare_if_match) return send_bare();
    session_.send(request_, [self = shared_from_this()](Result<HttpResponse> response) {
      if (response) return self->finish(std::move(response));
      if (response.code() == Code::not_supported) return self->send_without();
      if (response.code() != Code::changed) return self->finish(std::move(response));
      self->look(response.error());
    });
  }

 private:
  void look(const Error& refusal) {
    head_object(session_, {.key = request_.key, .cancel = request_.cancel},
                [self = shared_from_this(), refusal](const Result<ObjectInfo>& found) {
                  if (!found && found.code() != Code::not_found) return self->finish(found.error());
                  if (!found || found->etag != self->if_match_) return self->finish(refusal);
                  self->send_bare();
                });
  }

  void send_without() {
    const Precondition condition{.if_match = if_match_};
    check_condition(session_, request_.key, condition,
                    [self = shared_from_this()](const Result<void>& holds) {
                      if (!holds) return self->finish(holds.error());
                      std::erase_if(self->request_.headers,
                                    [](const auto& header) { return header.first == "if-match"; });
                      self->session_.send(self->request_, [self](Result<HttpResponse> response) {
                        if (response) self->session_.traits().no_if_match = true;
                        self->finish(std::move(response));
                      });
                    });
  }

  void send_bare() {
    for (auto& [name, value] : request_.headers) {
      if (name == "if-match") value = if_match_;
    }
    session_.send(request_, [self = shared_from_this()](Result<HttpResponse> response) {
      // Other writes may succeed because they ignore the condition.
      if (response && self->request_.method == HttpMethod::put)
        self->session_.traits().bare_if_match = true;
      self->finish(std::move(response));
    });
  }

  void finish(Result<HttpResponse> result) {
    Done<HttpResponse> done = std::move(done_);
    const bool no_object = !result && result.error().detail().service_code == "NoSuchKey";
    if (no_object) return done(result.error().with_code(Code::changed));
    done(std::move(result));
  }

  S3Session& session_;
  const Gate::Pass pass_;
  S3Request request_;
  const ETag if_match_;
  Done<HttpResponse> done_;
};

/// page ──more──> page ... ──last──> done
class PartsWalk : public std::enable_shared_from_this<PartsWalk> {
 public:
  PartsWalk(S3Session& session, std::string key, std::string upload_id,
            Done<std::vector<CompletedPart>> done)
      : session_(session),
        pass_(session.pass()),
        key_(std::move(key)),
        upload_id_(std::move(upload_id)),
        done_(std::move(done)) {}

  void ask(const std::string& marker) {
    session_.send(list_parts_request(key_, upload_id_, marker),
                  [self = shared_from_this(), marker](Result<HttpResponse> response) {
                    if (!response) return self->done_(response.error());
                    self->take(*response, marker);
                  });
  }

 private:
  void take(const HttpResponse& response, const std::string& marker) {
    auto page = parse_parts_page(response, key_);
    if (!page) return done_(page.error());
    parts_.insert(parts_.end(), page->parts.begin(), page->parts.end());
    if (page->next_marker.empty()) return done_(std::move(parts_));
    // Pages that go on have parts.
    if (page->next_marker == marker || parts_.size() > most_parts)
      return done_(Error(Code::corrupt, "a list of parts does not move on"));
    ask(page->next_marker);
  }

  S3Session& session_;
  const Gate::Pass pass_;
  const std::string key_;
  const std::string upload_id_;
  Done<std::vector<CompletedPart>> done_;
  std::vector<CompletedPart> parts_;
};

/// As PartsWalk. Some servers (Ceph 16) encode keys as they were asked to, but do not say so: where
/// that matters, they are asked for plain ones.
class UploadsWalk : public std::enable_shared_from_this<UploadsWalk> {
 public:
  UploadsWalk(S3Session& session, std::string prefix, Done<std::vector<UploadInfo>> done)
      : session_(session),
        pass_(session.pass()),
        prefix_(std::move(prefix)),
        done_(std::move(done)) {}

  void ask(const UploadsMarker& marker) {
    session_.send(list_uploads_request(prefix_, marker, plain_),
                  [self = shared_from_this(), marker](Result<HttpResponse> response) {
                    if (!response) return self->done_(response.error());
                    self->take(*response, marker);
                  });
  }

 private:
  void take(const HttpResponse& response, const UploadsMarker& marker) {
    auto page = parse_uploads_page(response);
    if (!page) return done_(page.error());
    if (page->ambiguous && !plain_) {
      plain_ = true;
      return ask(marker);
    }
    for (UploadInfo& upload : page->uploads) {
      if (upload.key.starts_with(prefix_))
        uploads_.push_back(std::move(upload));  // Some servers ignore the prefix.
    }
    if (page->next_key.empty()) return done_(std::move(uploads_));
    // Directory buckets list them in no order: only a page that was asked for before is wrong.
    if (!asked_.emplace(page->next_key, page->next_upload_id).second)
      return done_(Error(Code::corrupt, "a list of uploads does not move on"));
    ask({page->next_key, page->next_upload_id});
  }

  S3Session& session_;
  const Gate::Pass pass_;
  const std::string prefix_;
  Done<std::vector<UploadInfo>> done_;
  bool plain_ = false;
  std::set<std::pair<std::string, std::string>> asked_;  ///< Behind which key and upload.
  std::vector<UploadInfo> uploads_;
};

/// Whether an object has what a write gave it. A store adds what it gives to every object, and does
/// not tell tags.
bool is_described(const Metadata& found, const Metadata& wanted) {
  const auto told = [](const Metadata::value_type& entry) {
    return entry.first != header::tagging && entry.first != header::tagging_count;
  };
  const bool all = std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
    const auto at = found.find(entry.first);
    return !told(entry) || (at != found.end() && at->second == entry.second);
  });
  return all && std::all_of(found.begin(), found.end(), [&](const auto& entry) {
           return is_header(entry.first) || wanted.contains(entry.first);
         });
}

}  // namespace

void complete_tags(S3Session& session, Metadata metadata, const std::string& source,
                   Done<Metadata> done) {
  const BucketTerms& terms = session.terms();
  const auto add_tags = [&terms](Metadata& to) {
    if (terms.has_tags()) to[header::tagging] = terms.tags_beside(to[header::tagging]);
  };
  if (metadata.erase(header::tagging_count) == 0 || metadata.contains(header::tagging)) {
    add_tags(metadata);
    return done(std::move(metadata));
  }
  S3Request s3{.method = HttpMethod::get, .key = source, .query = {{"tagging", ""}}};
  session.send(std::move(s3), [source, add_tags, metadata = std::move(metadata),
                               done = std::move(done)](Result<HttpResponse> response) mutable {
    auto tags = response ? parse_tags(*response, source) : Result<std::string>(response.error());
    const bool none =
        !tags && (tags.code() == Code::not_found || tags.code() == Code::not_supported);
    if (!tags && !none) return done(tags.error());
    if (tags && !tags->empty()) metadata[header::tagging] = std::move(*tags);
    add_tags(metadata);
    done(std::move(metadata));
  });
}

std::optional<uint32_t> add_body_sum(S3Session& session, S3Request& request,
                                     const std::string& upload_id) {
  if (!session.verifies()) return std::nullopt;
  const ServerTraits& traits = session.traits();
  const bool taken = upload_id.empty()
                         ? !traits.no_put_sums
                         : !traits.no_upload_sums && session.upload_sums().knows(upload_id);
  if (!taken) return std::nullopt;
  const uint32_t crc = crc32c_of(request.body);
  request.sums.emplace_back("x-amz-checksum-crc32c", crc32c_text(crc));
  return crc;
}

void head_object(S3Session& session, HeadRequest request, Done<ObjectInfo> done) {
  S3Request s3{.method = HttpMethod::head,
               .key = request.key,
               .use = ObjectUse::reads,
               .cancel = request.cancel};
  session.send(std::move(s3), [key = std::move(request.key),
                               done = std::move(done)](Result<HttpResponse> response) mutable {
    if (!response) return done(response.error());
    const auto size = parse_number(response->headers.find("content-length"));
    if (!size) return done(Error(Code::corrupt, "the answer to a HEAD does not tell the size"));
    done(object_from_headers(response->headers, key, *size));
  });
}

void check_condition(S3Session& session, const std::string& key, const Precondition& condition,
                     Done<void> done) {
  head_object(session, {.key = key},
              [key, condition, done = std::move(done)](const Result<ObjectInfo>& found) mutable {
                const auto refuse = [&](Code code, const char* why) {
                  done(Error(code, Error::Detail{.message = why, .key = key}));
                };
                if (!found && found.code() != Code::not_found) return done(found.error());
                if (condition.if_none_match && found)
                  return refuse(Code::already_exists, "there is an object already");
                if (!condition.if_match.empty() && (!found || found->etag != condition.if_match))
                  return refuse(Code::changed, "the object is not that version any more");
                done({});
              });
}

void send_if_match(S3Session& session, S3Request request, ETag if_match, Done<HttpResponse> done) {
  std::make_shared<IfMatchWrite>(session, std::move(request), std::move(if_match), std::move(done))
      ->start();
}

void finish_if_stored(S3Session& session, ObjectInfo wanted, const Error& refusal,
                      Done<ObjectInfo> done) {
  std::string key = wanted.key;
  head_object(session, {.key = std::move(key), .cancel = {}},
              [wanted = std::move(wanted), refusal,
               done = std::move(done)](Result<ObjectInfo> found) mutable {
                const bool stored =
                    found && !wanted.etag.empty() && found->etag == wanted.etag &&
                    found->size == wanted.size &&
                    (!wanted.metadata || is_described(*found->metadata, *wanted.metadata));
                // Tried again as a whole it finds out.
                if (!found && is_retryable(found.code())) return done(found.error());
                if (!stored) return done(refusal);
                found->metadata.reset();
                done(std::move(found));
              });
}

void put_if_match(S3Session& session, PutRequest request, Done<ObjectInfo> done) {
  ObjectInfo object{.key = request.key, .size = request.body.size()};
  const Metadata metadata = request.metadata;
  const Body body = request.body;
  ETag if_match = request.condition.if_match;
  auto s3 = put_request(std::move(request));
  if (!s3) return done(s3.error());
  add_body_sum(session, *s3);
  send_if_match(session, std::move(*s3), std::move(if_match),
                [&session, pass = session.pass(), object = std::move(object), metadata, body,
                 done = std::move(done)](Result<HttpResponse> response) mutable {
                  if (response) return done(written_object(*response, std::move(object)));
                  // With other ETags whoever is above compares the bytes.
                  if (response.code() != Code::changed || !session.etags_are_md5s())
                    return done(response.error());
                  object.metadata = metadata;
                  object.etag = put_etag(body);
                  finish_if_stored(session, std::move(object), response.error(), std::move(done));
                });
}

void list_all_parts(S3Session& session, std::string key, std::string upload_id,
                    Done<std::vector<CompletedPart>> done) {
  std::make_shared<PartsWalk>(session, std::move(key), std::move(upload_id), std::move(done))
      ->ask({});
}

void list_all_uploads(S3Session& session, std::string prefix, Done<std::vector<UploadInfo>> done) {
  std::make_shared<UploadsWalk>(session, std::move(prefix), std::move(done))->ask({});
}

}  // namespace penstock
