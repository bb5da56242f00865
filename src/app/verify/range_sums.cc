// SPDX-License-Identifier: Apache-2.0
#include "app/verify/range_sums.h"

#include <optional>
#include <stop_token>
#include <utility>

#include "base/mutex.h"
#include "store/s3/running_digest.h"

namespace penstock {
namespace {

class DigestSink final : public BodySink {
 public:
  DigestSink(ChecksumKind kind, std::function<void(uint64_t)> read)
      : digest_(kind), read_(std::move(read)) {}

  bool write(uint64_t, std::span<const std::byte> bytes) noexcept override {
    digest_.update(bytes);
    read_(bytes.size());
    return true;
  }
  Result<std::string> finish() { return digest_.finish(); }

 private:
  RunningDigest digest_;
  const std::function<void(uint64_t)> read_;
};

}  // namespace

/// What is under way; outlives a RangeSums that is waited for. Thread-safe.
class RangeSums::State {
 public:
  size_t add() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    sums_.emplace_back();
    ++pending_;
    return sums_.size() - 1;
  }
  void set(size_t index, const Result<std::string>& sum) EXCLUDES(mutex_) {
    bool failed = false;
    {
      const MutexLock lock(mutex_);
      if (sum) {
        sums_[index] = *sum;
      } else if (!error_) {
        error_ = sum.error();
        failed = true;
      }
      --pending_;
      changed_.notify_all();
    }
    if (failed) stop_.request_stop();
  }
  bool failed() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return error_.has_value();
  }
  void cancel() { stop_.request_stop(); }
  std::stop_token token() const { return stop_.get_token(); }
  void wait() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (pending_ != 0) changed_.wait(mutex_);
  }
  /// After wait().
  Result<std::vector<std::string>> take() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (error_) return *error_;
    return std::move(sums_);
  }

 private:
  std::stop_source stop_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> sums_ GUARDED_BY(mutex_);
  size_t pending_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

RangeSums::RangeSums(const Parts& parts, const ObjectInfo& object, ChecksumKind kind)
    : parts_(parts),
      key_(object.key),
      etag_(object.etag),
      kind_(kind),
      state_(std::make_shared<State>()) {}

RangeSums::~RangeSums() {
  state_->cancel();
  state_->wait();
}

bool RangeSums::begin(ByteRange range) {
  if (state_->failed()) return false;
  const size_t index = state_->add();
  if (range.length == 0) {
    state_->set(index, digest_of(kind_, ""));
    return true;
  }
  parts_.slots.acquire();
  const auto sink = std::make_shared<DigestSink>(kind_, parts_.read);
  parts_.store.get(
      {.key = key_,
       .range = range,
       .if_match = etag_,
       .sink = sink,
       .cancel = state_->token(),
       .awaited = {}},
      [state = state_, sink, index, &slots = parts_.slots](const Result<ObjectInfo>& got) {
        // Before finish() returns: then the slots may be gone.
        slots.release();
        state->set(index, got ? sink->finish() : Result<std::string>(got.error()));
      });
  return true;
}

Result<std::vector<std::string>> RangeSums::finish() {
  state_->wait();
  return state_->take();
}

}  // namespace penstock
