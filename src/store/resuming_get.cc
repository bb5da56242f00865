// SPDX-License-Identifier: Apache-2.0
#include "store/resuming_get.h"

#include <algorithm>
#include <utility>

namespace penstock {

ResumingGet::ResumingGet(const std::shared_ptr<RetryShared>& shared, GetRequest request,
                         Done<ObjectInfo> done)
    : RetryCall(shared, {.operation = StoreRequest::get, .key = request.key},
                shared->policy.read_limit, request.cancel),
      request_(std::move(request)),
      done_(std::move(done)),
      begin_(request_.range ? request_.range->offset : 0),
      next_(begin_),
      version_(request_.if_match) {
  if (request_.range) end_ = request_.range->end();
}

void ResumingGet::try_once() {
  try_began_at_ = next_;
  other_version_ = gap_ = false;
  // Everything came and then the end of the answer was lost: only the object's information is
  // missing.
  if (next_ > begin_ && complete()) return send_head();
  send_get();
}

void ResumingGet::send_get() {
  const auto self = std::static_pointer_cast<ResumingGet>(shared_from_this());
  GetRequest request;
  request.key = request_.key;
  request.range = request_.range;
  if (next_ > begin_) request.range = ByteRange{next_, *end_ - next_};
  request.if_match = version_;
  request.sink = std::shared_ptr<BodySink>(self, this);
  request.cancel = try_token();
  request.request_class = request_.request_class;
  request.awaited = request_.awaited;
  shared_->inner.get(std::move(request),
                     [self](Result<ObjectInfo> result) { self->got(std::move(result)); });
}

void ResumingGet::send_head() {
  const auto self = std::static_pointer_cast<ResumingGet>(shared_from_this());
  shared_->inner.head({.key = request_.key, .cancel = try_token()},
                      [self](Result<ObjectInfo> result) { self->looked(std::move(result)); });
}

void ResumingGet::started(const ObjectInfo& info) noexcept {
  if (!version_.empty() && !info.etag.empty() && info.etag != version_) {
    other_version_ = true;
    return;
  }
  if (version_.empty()) version_ = info.etag;
  if (!end_) end_ = info.size;
  if (!announced_) {
    announced_ = true;
    request_.sink->started(info);
  }
}

bool ResumingGet::write(uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (other_version_) return false;
  if (offset > next_) gap_ = true;
  if (end_ && offset + bytes.size() > *end_) gap_ = true;
  if (gap_) return false;
  const uint64_t known = std::min<uint64_t>(next_ - offset, bytes.size());
  bytes = bytes.subspan(known);
  if (bytes.empty()) return true;
  if (!request_.sink->write(next_, bytes)) {
    refused_ = true;
    return false;
  }
  next_ += bytes.size();
  return true;
}

void ResumingGet::got(Result<ObjectInfo> result) {
  if (!result.has_value()) return broke_off(result.error());
  ObjectInfo info = std::move(result).value();
  if (!version_.empty() && !info.etag.empty() && info.etag != version_) {
    return give_up(Error(Code::changed, {.message = "the object was replaced while it was read",
                                         .key = request_.key}));
  }
  if (version_.empty()) version_ = info.etag;
  if (!end_) end_ = info.size;
  if (next_ < *end_) {
    return broke_off(
        Error(Code::corrupt, {.message = "the answer ended early", .key = request_.key}));
  }
  succeed(std::move(info));
}

void ResumingGet::looked(Result<ObjectInfo> result) {
  if (!result.has_value()) return failed(result.error());
  if (result->etag != version_) {
    return give_up(Error(Code::changed, {.message = "the object was replaced while it was read",
                                         .key = request_.key}));
  }
  succeed(std::move(result).value());
}

void ResumingGet::broke_off(Error error) {
  if (refused_) return give_up(Error(Code::cancelled, "the reader wants no more"));
  if (other_version_) {
    return give_up(Error(Code::changed, {.message = "the object was replaced while it was read",
                                         .key = request_.key}));
  }
  if (gap_)
    error = Error(Code::corrupt, {.message = "the answer holds bytes that were not asked for",
                                  .key = request_.key});
  if (next_ > try_began_at_) progressed();
  if (next_ > begin_) {
    if (error.code() == Code::corrupt && complete()) return give_up(std::move(error));
    // Nobody could tell that the rest is of the same version.
    if (version_.empty() || !end_) return give_up(std::move(error));
  }
  failed(error);
}

void ResumingGet::succeed(ObjectInfo info) {
  if (!finish(Throttle::Outcome::answered)) return;
  done_(std::move(info));
  left();
}

}  // namespace penstock
