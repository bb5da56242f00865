// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/http_message.h"
#include "penstock/object_store.h"
#include "store/s3/checksum.h"
#include "store/s3/held_bodies.h"

namespace penstock {

/// Between the HTTP answer to a GET and the caller's sink: checks that the answer is the bytes that
/// were asked for, then hands them on with their offsets.
///
/// Bytes of a whole object whose checksum the answer tells are checked. Of objects up to
/// HeldBodies::size nothing is handed on before that; those of larger ones have been handed on
/// when finish() says that they were wrong.
class GetStream final : public HttpSink {
 public:
  /// `held` null: nothing is checked.
  GetStream(GetRequest request, std::shared_ptr<HeldBodies> held)
      : request_(std::move(request)), held_(std::move(held)) {}
  ~GetStream() override;
  GetStream(const GetStream&) = delete;
  GetStream& operator=(const GetStream&) = delete;

  std::optional<Error> started(const HttpResponse& head) noexcept override;
  std::optional<Error> write(std::span<const std::byte> bytes) noexcept override;

  /// After a 2xx answer has ended: the object, or why the bytes are not what was promised.
  Result<ObjectInfo> finish() const;

 private:
  Error fail(Code code, std::string message) const;
  /// Which bytes the answer holds; sets the size of the whole object.
  std::optional<Error> check_extent(const HttpResponse& head, uint64_t& size);
  void expect_checksum(const HttpHeaders& headers);
  std::optional<Error> hold(std::span<const std::byte> bytes);
  Error wrong_checksum() const;

  const GetRequest request_;
  const std::shared_ptr<HeldBodies> held_;
  std::optional<StoredChecksum> wanted_;  ///< Nothing: the bytes are not checked.
  RunningChecksum sum_{ChecksumKind::crc32c};
  HeldBodies::Room room_;  ///< Null: bytes are handed on as they come.
  ObjectInfo info_;
  uint64_t offset_ = 0;    ///< Of the next byte, in the object.
  uint64_t expected_ = 0;  ///< Bytes still to come.
  bool started_ = false;
};

}  // namespace penstock
