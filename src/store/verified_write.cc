// SPDX-License-Identifier: Apache-2.0
#include "store/verified_write.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "base/writer_mark.h"
#include "store/s3/expected_etag.h"

namespace penstock {
namespace {

bool is_refusal(Code code) { return code == Code::already_exists || code == Code::changed; }

/// Compares what arrives with a body, and ends the get at the first difference.
class ComparingSink final : public BodySink {
 public:
  explicit ComparingSink(const Body& body) : body_(body) {}

  void started(const ObjectInfo& info) noexcept override {
    if (info.size != body_.size()) equal_ = false;
  }
  bool write(uint64_t /*offset*/, std::span<const std::byte> bytes) noexcept override {
    while (equal_ && !bytes.empty()) {
      if (piece_ == body_.pieces.size()) {
        equal_ = false;
        break;
      }
      const auto rest = body_.pieces[piece_].subspan(at_);
      const size_t length = std::min(rest.size(), bytes.size());
      if (length > 0) equal_ = std::memcmp(rest.data(), bytes.data(), length) == 0;
      bytes = bytes.subspan(length);
      at_ += length;
      compared_ += length;
      if (at_ == body_.pieces[piece_].size()) {
        ++piece_;
        at_ = 0;
      }
    }
    return equal_;
  }
  bool differs() const noexcept { return !equal_; }
  bool equal() const noexcept { return equal_ && compared_ == body_.size(); }

 private:
  const Body& body_;
  size_t piece_ = 0;
  size_t at_ = 0;
  uint64_t compared_ = 0;
  bool equal_ = true;
};

bool has_metadata(const ObjectInfo& info, const Metadata& wanted) {
  // A store that does not tell cannot be held to it.
  return !info.metadata || std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
    const auto found = info.metadata->find(entry.first);
    // S3 tells how many tags there are.
    if (entry.first == header::tagging) return true;
    return found != info.metadata->end() && found->second == entry.second;
  });
}

/// S3's limit for user metadata: names and values, in bytes (Amazon S3 user guide, "Working with
/// object metadata").
constexpr size_t most_metadata_bytes = 2048;

/// Gives a write a mark of its own, and returns that; empty where its caller has given it one,
/// which may be on several objects, or there is no room.
std::string add_mark(Metadata& metadata) {
  size_t bytes = 0;
  for (const auto& [name, value] : metadata) {
    if (!is_header(name)) bytes += name.size() + value.size();
  }
  std::string mark = new_mark();
  const bool fits = bytes + writer_mark.size() + mark.size() <= most_metadata_bytes;
  if (!fits || !metadata.try_emplace(std::string(writer_mark), mark).second) return {};
  return mark;
}

/// Whether the object is the one that the write with this mark made.
bool has_mark(const ObjectInfo& info, const std::string& mark) {
  if (!info.metadata) return false;
  const auto found = info.metadata->find(std::string(writer_mark));
  return found != info.metadata->end() && found->second == mark;
}

/// Each rename has another one, in whichever process.
RenameRequest with_token(RenameRequest request) {
  std::random_device random;
  if (request.token.empty())
    request.token = fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  return request;
}

}  // namespace

void VerifiedCall::look_at(const std::string& key, const Error& refusal, Judge ours) {
  const auto self = std::static_pointer_cast<VerifiedCall>(shared_from_this());
  shared_->inner.head({.key = key},
                      [self, refusal, ours = std::move(ours)](Result<ObjectInfo> found) {
                        if (!found.has_value())
                          return self->failed(is_retryable(found.code()) ? found.error() : refusal);
                        if (!ours(*found)) return self->failed(refusal);
                        self->succeed(std::move(found));
                      });
}

VerifiedPut::VerifiedPut(const std::shared_ptr<RetryShared>& shared, PutRequest request,
                         Done<ObjectInfo> done)
    : VerifiedPut(shared, mark(std::move(request)), std::move(done)) {}

VerifiedPut::VerifiedPut(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
                         Done<ObjectInfo> done)
    : VerifiedCall(
          shared,
          {.operation = StoreRequest::put,
           .key = marked.request->key,
           .body = marked.request->body.size()},
          shared->policy.write_limit, {},
          [request = marked.request](ObjectStore& store, const std::stop_token&,
                                     Done<ObjectInfo> then) {
            store.put(*request, std::move(then));
          },
          std::move(done)),
      request_(marked.request),
      mark_(marked.mark) {}

VerifiedPut::Marked VerifiedPut::mark(PutRequest request) {
  std::string mark;
  if (request.condition.if_none_match) mark = add_mark(request.metadata);
  return {std::make_shared<const PutRequest>(std::move(request)), std::move(mark)};
}

void VerifiedPut::ended(Result<ObjectInfo> result) {
  if (!result.has_value() && is_refusal(result.code())) {
    if (!mark_.empty()) return look(result.error());
    const bool proves =
        !request_->condition.if_none_match || request_->metadata.contains(std::string(writer_mark));
    if (proves || doubtful_tries() > 0) return compare(result.error());
  }
  SimpleCall::ended(std::move(result));
}

void VerifiedPut::look(const Error& refusal) {
  const auto self = std::static_pointer_cast<VerifiedPut>(shared_from_this());
  shared_->inner.head({.key = request_->key}, [self, refusal](Result<ObjectInfo> found) {
    if (!found.has_value())
      return self->failed(is_retryable(found.code()) ? found.error() : refusal);
    if (!found->metadata && self->doubtful_tries() > 0) return self->compare(refusal);
    if (!has_mark(*found, self->mark_)) return self->failed(refusal);
    self->succeed(std::move(found));
  });
}

void VerifiedPut::compare(const Error& refusal) {
  const auto self = std::static_pointer_cast<VerifiedPut>(shared_from_this());
  const auto sink = std::make_shared<ComparingSink>(request_->body);
  shared_->inner.get({.key = request_->key, .sink = sink},
                     [self, sink, refusal](Result<ObjectInfo> found) {
                       if (!found.has_value()) {
                         const bool unanswered = !sink->differs() && is_retryable(found.code());
                         return self->failed(unanswered ? found.error() : refusal);
                       }
                       if (!sink->equal() || !has_metadata(*found, self->request_->metadata))
                         return self->failed(refusal);
                       self->succeed(std::move(found));
                     });
}

VerifiedCopy::VerifiedCopy(const std::shared_ptr<RetryShared>& shared, CopyRequest request,
                           Done<ObjectInfo> done)
    : VerifiedCopy(shared, mark(std::move(request)), std::move(done)) {}

VerifiedCopy::VerifiedCopy(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
                           Done<ObjectInfo> done)
    : VerifiedCall(
          shared, {.operation = StoreRequest::copy, .key = marked.request->target},
          shared->policy.write_limit, {},
          [request = marked.request](ObjectStore& store, const std::stop_token&,
                                     Done<ObjectInfo> then) {
            store.copy(*request, std::move(then));
          },
          std::move(done)),
      target_(marked.request->target),
      mark_(marked.mark) {}

VerifiedCopy::Marked VerifiedCopy::mark(CopyRequest request) {
  std::string mark;
  const bool conditional = request.source == request.target || request.condition.if_none_match ||
                           !request.condition.if_match.empty();
  if (request.metadata && conditional) mark = add_mark(*request.metadata);
  return {std::make_shared<const CopyRequest>(std::move(request)), std::move(mark)};
}

void VerifiedCopy::ended(Result<ObjectInfo> result) {
  if (!result.has_value() && is_refusal(result.code()) && !mark_.empty()) {
    return look_at(target_, result.error(),
                   [mark = mark_](const ObjectInfo& found) { return has_mark(found, mark); });
  }
  SimpleCall::ended(std::move(result));
}

VerifiedCreate::VerifiedCreate(const std::shared_ptr<RetryShared>& shared, CreateUpload request,
                               Done<std::string> done)
    : VerifiedCreate(shared, mark(std::move(request)), std::move(done)) {}

VerifiedCreate::VerifiedCreate(const std::shared_ptr<RetryShared>& shared, const Marked& marked,
                               Done<std::string> done)
    : SimpleCall(
          shared, {.operation = StoreRequest::create_upload, .key = marked.request->key},
          shared->policy.write_limit, {},
          [request = marked.request](ObjectStore& store, const std::stop_token&,
                                     Done<std::string> then) {
            store.create_upload(*request, std::move(then));
          },
          std::move(done)),
      mark_(marked.mark) {}

VerifiedCreate::Marked VerifiedCreate::mark(CreateUpload request) {
  std::string mark = add_mark(request.metadata);
  return {std::make_shared<const CreateUpload>(std::move(request)), std::move(mark)};
}

void VerifiedCreate::ended(Result<std::string> result) {
  if (result.has_value() && !mark_.empty()) shared_->upload_marks.add(*result, mark_);
  SimpleCall::ended(std::move(result));
}

VerifiedComplete::VerifiedComplete(const std::shared_ptr<RetryShared>& shared,
                                   CompleteUpload request, Done<ObjectInfo> done)
    : VerifiedCall(
          shared, {.operation = StoreRequest::complete_upload, .key = request.key},
          shared->policy.write_limit, {},
          [request](ObjectStore& store, const std::stop_token&, Done<ObjectInfo> then) {
            store.complete_upload(request, std::move(then));
          },
          std::move(done)),
      mark_(shared->upload_marks.find(request.upload_id)),
      request_(std::make_shared<const CompleteUpload>(std::move(request))) {}

bool VerifiedComplete::is_ours(const ObjectInfo& found) const {
  if (!mark_.empty() && found.metadata) return has_mark(found, mark_);
  // Size and number of parts alone are those of the version before, too.
  return multipart_etag(request_->parts).has_value() && is_made_of(found, request_->parts);
}

void VerifiedComplete::ended(Result<ObjectInfo> result) {
  if (result.has_value()) {
    shared_->upload_marks.forget(request_->upload_id);
    return SimpleCall::ended(std::move(result));
  }
  const Error error = result.error();
  const bool conflict = error.detail().service_code == "ConditionalRequestConflict";
  if (conflict && request_->can_begin_again) return meet_conflict(error);
  // The upload may be gone without a doubtful try of ours: a transport repeats requests on
  // connections that turn out dead.
  if (error.code() != Code::not_found && !is_refusal(error.code()))
    return SimpleCall::ended(std::move(result));
  look_at(request_->key, error,
          [self = std::static_pointer_cast<VerifiedComplete>(shared_from_this())](
              const ObjectInfo& found) { return self->is_ours(found); });
}

/// AWS: "On a 409 failure you should re-initiate the multipart upload with CreateMultipartUpload
/// and re-upload each part."
void VerifiedComplete::meet_conflict(const Error& conflict) {
  constexpr uint32_t most_repeats = 3;
  // What is in the way may be an earlier try of this call.
  const bool own = doubtful_tries() > conflicts_;
  if (own && conflicts_++ < most_repeats) return failed(conflict);
  const auto self = std::static_pointer_cast<VerifiedComplete>(shared_from_this());
  const Error begin_again = conflict.with_code(Code::not_found);
  shared_->inner.head({.key = request_->key}, [self, begin_again](Result<ObjectInfo> found) {
    if (found.has_value() && self->is_ours(*found)) return self->succeed(std::move(found));
    self->shared_->inner.abort_upload(
        self->request_->key, self->request_->upload_id,
        [self, begin_again](const Result<void>&) { self->failed(begin_again); });
  });
}

VerifiedRename::VerifiedRename(const std::shared_ptr<RetryShared>& shared, RenameRequest request,
                               Done<ObjectInfo> done)
    : VerifiedRename(shared, std::make_shared<const RenameRequest>(with_token(std::move(request))),
                     std::move(done)) {}

VerifiedRename::VerifiedRename(const std::shared_ptr<RetryShared>& shared,
                               const std::shared_ptr<const RenameRequest>& request,
                               Done<ObjectInfo> done)
    : SimpleCall(
          shared, {.operation = StoreRequest::rename, .key = request->source},
          shared->policy.write_limit, {},
          [request](ObjectStore& store, const std::stop_token&, Done<ObjectInfo> then) {
            store.rename(*request, std::move(then));
          },
          std::move(done)),
      request_(request) {}

void VerifiedRename::ended(Result<ObjectInfo> result) {
  // Only then: of two that rename one object, the other one finds it gone as well. What a transport
  // repeats by itself the store knows by its token.
  const bool doubtful = !result && doubtful_tries() > 0;
  if (doubtful && result.code() == Code::not_found) return look_at_target(result.error());
  if (doubtful && (is_refusal(result.code()) || result.code() == Code::not_supported))
    return look_at_source(result.error());
  SimpleCall::ended(std::move(result));
}

void VerifiedRename::look_at_source(const Error& refusal) {
  const auto self = std::static_pointer_cast<VerifiedRename>(shared_from_this());
  shared_->inner.head({.key = request_->source}, [self, refusal](const Result<ObjectInfo>& found) {
    if (!found && found.code() == Code::not_found) return self->look_at_target(refusal);
    self->failed(!found && is_retryable(found.code()) ? found.error() : refusal);
  });
}

void VerifiedRename::look_at_target(const Error& refusal) {
  const auto self = std::static_pointer_cast<VerifiedRename>(shared_from_this());
  shared_->inner.head({.key = request_->target}, [self, refusal](const Result<ObjectInfo>& found) {
    const ETag& etag = self->request_->source_if_match;
    if (found && found->etag == etag)
      return self->succeed(ObjectInfo{.key = self->request_->target, .etag = etag});
    self->failed(!found && is_retryable(found.code()) ? found.error() : refusal);
  });
}

}  // namespace penstock
