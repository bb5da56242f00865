// SPDX-License-Identifier: Apache-2.0
#include "store/s3/get_stream.h"

#include <fmt/core.h>

#include <cstring>

#include "store/s3/s3_responses.h"

namespace penstock {

Error GetStream::fail(Code code, std::string message) const {
  return Error(code, Error::Detail{.message = std::move(message), .key = request_.key});
}

GetStream::~GetStream() {
  if (room_ != nullptr) held_->give_back(std::move(room_));
}

std::optional<Error> GetStream::started(const HttpResponse& head) noexcept {
  uint64_t size = 0;
  if (auto error = check_extent(head, size)) return error;
  info_ = object_from_headers(head.headers, request_.key, size);
  if (!request_.if_match.empty() && info_.etag != request_.if_match) {
    return fail(Code::changed,
                fmt::format("the answer is version '{}', not '{}'", info_.etag, request_.if_match));
  }
  started_ = true;
  if (held_ != nullptr && !request_.range) expect_checksum(head.headers);
  request_.sink->started(info_);
  return std::nullopt;
}

std::optional<Error> GetStream::check_extent(const HttpResponse& head, uint64_t& size) {
  const auto length = parse_number(head.headers.find("content-length"));
  if (head.status == 206 && request_.range) {
    const auto range = parse_content_range(head.headers.find("content-range"));
    if (!range) return fail(Code::corrupt, "the answer has no usable Content-Range");
    size = range->total;
    if (request_.range->end() > size) {
      return fail(Code::invalid_argument,
                  fmt::format("the range ends behind the object's {} bytes", size));
    }
    const bool same =
        range->first == request_.range->offset && range->last + 1 == request_.range->end();
    if (!same || (length && *length != request_.range->length)) {
      return fail(Code::corrupt,
                  fmt::format("the answer holds bytes {} to {}, not those that were asked for",
                              range->first, range->last));
    }
    offset_ = range->first;
    expected_ = request_.range->length;
    return std::nullopt;
  }
  if (head.status != 200) {
    return fail(Code::corrupt, fmt::format("a GET was answered with HTTP status {}", head.status));
  }
  if (!length) return fail(Code::corrupt, "the answer does not tell its length");
  size = *length;
  const bool whole = !request_.range || *request_.range == ByteRange{0, size};
  if (!whole) return fail(Code::not_supported, "the server answers a range with the whole object");
  offset_ = 0;
  expected_ = size;
  return std::nullopt;
}

void GetStream::expect_checksum(const HttpHeaders& headers) {
  wanted_ = stored_checksum(headers);
  if (!wanted_ || expected_ == 0) return;
  sum_ = RunningChecksum(wanted_->kind);
  if (expected_ <= HeldBodies::size) room_ = held_->take();
}

Error GetStream::wrong_checksum() const {
  return fail(Code::corrupt,
              "the bytes that came are not those of the checksum that the store has of the object");
}

std::optional<Error> GetStream::hold(std::span<const std::byte> bytes) {
  std::memcpy(room_.get() + offset_, bytes.data(), bytes.size());
  offset_ += bytes.size();
  if (expected_ != 0) return std::nullopt;
  const std::span<const std::byte> whole(room_.get(), offset_);
  sum_.update(whole);
  if (sum_.value() != wanted_->value) return wrong_checksum();
  if (request_.sink->write(0, whole)) return std::nullopt;
  return fail(Code::cancelled, "the receiver wants no more");
}

std::optional<Error> GetStream::write(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() > expected_) return fail(Code::corrupt, "the answer is longer than it said");
  expected_ -= bytes.size();
  if (room_ != nullptr) return hold(bytes);
  if (wanted_) sum_.update(bytes);
  const uint64_t offset = offset_;
  offset_ += bytes.size();
  if (request_.sink->write(offset, bytes)) return std::nullopt;
  return fail(Code::cancelled, "the receiver wants no more");
}

Result<ObjectInfo> GetStream::finish() const {
  if (!started_) return fail(Code::corrupt, "the answer ended before it began");
  if (expected_ != 0)
    return fail(Code::unavailable, fmt::format("the answer ended {} bytes early", expected_));
  // Of what was held that is known already. An object without bytes has nothing to be wrong.
  if (wanted_ && room_ == nullptr && info_.size != 0 && sum_.value() != wanted_->value)
    return wrong_checksum();
  return info_;
}

}  // namespace penstock
