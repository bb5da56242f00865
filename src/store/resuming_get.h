// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "store/retry_call.h"

namespace penstock {

/// A get that goes on where it broke off: with the rest of the range and If-Match on the version
/// that answered first, so that the sink gets each byte once, in order, and of one version. Ends
/// with Code::changed where that version is gone.
///
/// A contradiction (Code::corrupt) after the last byte is final: what the sink has cannot be taken
/// back.
class ResumingGet final : public RetryCall, public BodySink {
 public:
  ResumingGet(const std::shared_ptr<RetryShared>& shared, GetRequest request,
              Done<ObjectInfo> done);

  void started(const ObjectInfo& info) noexcept override;
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override;

 protected:
  void try_once() override;
  void deliver(Error error) override { done_(std::move(error)); }

 private:
  void send_get();
  void send_head();
  void got(Result<ObjectInfo> result);
  void looked(Result<ObjectInfo> result);
  void broke_off(Error error);
  void succeed(ObjectInfo info);
  bool complete() const noexcept { return end_.has_value() && next_ >= *end_; }

  const GetRequest request_;
  Done<ObjectInfo> done_;

  // Touched by one try at a time, and tries follow one another.
  const uint64_t begin_;
  uint64_t next_;                ///< Of the object: the next byte that the sink wants.
  std::optional<uint64_t> end_;  ///< Known from the range, or from the first answer.
  ETag version_;                 ///< The only one that may answer.
  uint64_t try_began_at_ = 0;
  bool announced_ = false;  ///< The caller's sink was told of the version.
  bool other_version_ = false;
  bool gap_ = false;
  bool refused_ = false;  ///< The caller's sink wants no more.
};

}  // namespace penstock
