// SPDX-License-Identifier: Apache-2.0
#include "store/checking_store.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace penstock {
namespace {

using Verdict = CheckedVersion::Verdict;

/// One get of a range.
///
///   passing --last bytes, the object is right or not known--> done
///      ├──last bytes, it is wrong──> done (corrupt)
///      └──last bytes, its checksum is still asked for──> holding them --told, or cancelled--> done
class CheckedGet final : public BodySink, public std::enable_shared_from_this<CheckedGet> {
 public:
  CheckedGet(std::shared_ptr<RangeChecks> checks, std::shared_ptr<Log> log,
             std::shared_ptr<StoreMetrics> metrics, const GetRequest& request,
             Done<ObjectInfo> done)
      : checks_(std::move(checks)),
        log_(std::move(log)),
        metrics_(std::move(metrics)),
        key_(request.key),
        range_(*request.range),
        cancel_(request.cancel),
        sink_(request.sink),
        done_(std::move(done)) {}

  void started(const ObjectInfo& info) noexcept override {
    etag_ = info.etag;
    version_ = checks_->begin(key_, info, range_.length);
    if (version_ != nullptr) crcs_.emplace(version_->kind());
    sink_->started(info);
  }

  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (version_ == nullptr) return sink_->write(offset, bytes);
    crcs_->update(bytes);
    if (offset + bytes.size() < range_.end()) return sink_->write(offset, bytes);
    finding_ = version_->add(range_, crcs_->value());
    if (finding_.verdict == Verdict::wrong) return false;
    if (finding_.verdict != Verdict::later) return sink_->write(offset, bytes);
    held_at_ = offset;
    held_.assign(bytes.begin(), bytes.end());
    return true;
  }

  void ended(Result<ObjectInfo> result) {
    if (finding_.verdict == Verdict::wrong) return finish(wrong());
    if (finding_.verdict != Verdict::later || !result) return finish(std::move(result));
    // A cancellation from now on ends the wait. It may come before this returns.
    cancelled_.emplace(cancel_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr) self->finish(Error(Code::cancelled, "the request was cancelled"));
    });
    version_->when_known(finding_.whole, [self = shared_from_this(), result = std::move(result)](
                                             Verdict verdict) { self->told(verdict, result); });
  }

 private:
  void told(Verdict verdict, const Result<ObjectInfo>& result) {
    Done<ObjectInfo> done = take_done();
    if (!done) return;
    if (verdict == Verdict::wrong) return done(wrong());
    if (sink_->write(held_at_, held_)) return done(result);
    done(Error(Code::cancelled, "the receiver wants no more"));
  }

  void finish(Result<ObjectInfo> result) {
    Done<ObjectInfo> done = take_done();
    if (done) done(std::move(result));
  }

  /// Empty for all but the first.
  Done<ObjectInfo> take_done() {
    const MutexLock lock(mutex_);
    return std::exchange(done_, nullptr);
  }

  Error wrong() const {
    RequestMetrics& gets = metrics_->of(StoreRequest::get);
    gets.failed.add();
    gets.corrupt.add();
    Error error(Code::corrupt,
                Error::Detail{.message = "the bytes that came of version '" + etag_ +
                                         "' are not those of the checksum that the store has of it",
                              .key = key_});
    log_->warning("{}: what was read of it is distrusted, and fetched again where it is read again",
                  error.describe());
    return error;
  }

  const std::shared_ptr<RangeChecks> checks_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<StoreMetrics> metrics_;
  const std::string key_;
  const ByteRange range_;
  const std::stop_token cancel_;
  const std::shared_ptr<BodySink> sink_;

  // The store's thread, one after another.
  ETag etag_;
  std::shared_ptr<CheckedVersion> version_;  ///< Null: the bytes pass unseen.
  std::optional<RunningRangeCrcs> crcs_;
  CheckedVersion::Finding finding_;
  uint64_t held_at_ = 0;
  std::vector<std::byte> held_;

  Mutex mutex_;
  Done<ObjectInfo> done_ GUARDED_BY(mutex_);

  std::optional<std::stop_callback<std::function<void()>>> cancelled_;
};

}  // namespace

CheckingStore::CheckingStore(ObjectStore& inner, ObjectSums& sums, Scheduler& scheduler,
                             std::shared_ptr<Log> log, std::shared_ptr<StoreMetrics> metrics)
    : ForwardingStore(inner),
      checks_(std::make_shared<RangeChecks>(sums, scheduler)),
      log_(std::move(log)),
      metrics_(std::move(metrics)) {}

void CheckingStore::get(GetRequest request, Done<ObjectInfo> done) {
  // A whole object has its checksum in its own answer.
  if (!request.range) return inner().get(std::move(request), std::move(done));
  const auto checked =
      std::make_shared<CheckedGet>(checks_, log_, metrics_, request, std::move(done));
  request.sink = checked;
  inner().get(std::move(request),
              [checked](Result<ObjectInfo> result) { checked->ended(std::move(result)); });
}

}  // namespace penstock
