// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/http_message.h"
#include "penstock/object_store.h"

namespace penstock {

/// Between the HTTP answer to a GET and the caller's sink: checks that the answer is the bytes that
/// were asked for, then hands them on with their offsets.
class GetStream final : public HttpSink {
 public:
  explicit GetStream(GetRequest request) : request_(std::move(request)) {}

  std::optional<Error> started(const HttpResponse& head) noexcept override;
  std::optional<Error> write(std::span<const std::byte> bytes) noexcept override;

  /// After a 2xx answer has ended: the object, or why the bytes are not what was promised.
  Result<ObjectInfo> finish() const;

 private:
  Error fail(Code code, std::string message) const;
  /// Which bytes the answer holds; sets the size of the whole object.
  std::optional<Error> check_extent(const HttpResponse& head, uint64_t& size);

  const GetRequest request_;
  ObjectInfo info_;
  uint64_t offset_ = 0;    ///< Of the next byte, in the object.
  uint64_t expected_ = 0;  ///< Bytes still to come.
  bool started_ = false;
};

}  // namespace penstock
