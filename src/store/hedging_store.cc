// SPDX-License-Identifier: Apache-2.0
#include "store/hedging_store.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

namespace penstock {
namespace {

constexpr uint32_t nobody = 2;  ///< Neither of the attempts 0 and 1.

/// One operation, and its one or two attempts.
///
///   first attempt ──slow──> second attempt
///         └───────────┬──────────┘
///              the first that begins to answer wins ──> done, the other is cancelled
template <typename T>
class HedgedCall final : public Hedgeable, public std::enable_shared_from_this<HedgedCall<T>> {
 public:
  /// Sends the attempt; it ends with Code::cancelled when the token asks for it.
  using Send = std::function<void(const std::shared_ptr<HedgedCall>& self, uint32_t attempt,
                                  std::stop_token cancel, Done<T> done)>;

  HedgedCall(std::shared_ptr<HedgeShared> shared, StoreRequest request, HedgeShared::Kind& kind,
             const std::stop_token& cancel, Send send, Done<T> done)
      : shared_(std::move(shared)),
        request_(request),
        kind_(kind),
        begun_(shared_->scheduler.now()),
        send_(std::move(send)),
        done_(std::move(done)),
        cancelled_(cancel, [this] { this->cancel(); }) {}

  void start() {
    shared_->budget.earn();
    attempt(0);
    const auto slow_after = kind_.window.slow_after();
    if (slow_after && !decided()) kind_.queue->watch(begun_ + *slow_after, this->weak_from_this());
  }

  /// Whether this attempt is the one that counts; the first that asks is.
  bool claim(uint32_t attempt) {
    uint32_t winner = nobody;
    if (!winner_.compare_exchange_strong(winner, attempt)) return winner == attempt;
    kind_.window.add(shared_->scheduler.now() - begun_);
    stops_[1 - attempt].request_stop();
    return true;
  }

  bool decided() const noexcept override {
    return winner_.load(std::memory_order_relaxed) != nobody;
  }

  void hedge() override {
    {
      const MutexLock lock(mutex_);
      if (decided() || finished_ || stops_[0].stop_requested()) return;
      if (!shared_->budget.spend(shared_->scheduler.now())) return;
      ++running_;
    }
    shared_->metrics->of(request_).hedged.add();
    attempt(1);
  }

 private:
  bool counts(uint32_t attempt) const noexcept {
    return winner_.load(std::memory_order_relaxed) == attempt;
  }

  /// Also while it is made, and while it is destroyed, which waits for this.
  void cancel() {
    const auto keep = this->weak_from_this().lock();
    for (std::stop_source& stop : stops_) stop.request_stop();
  }

  void attempt(uint32_t number) {
    const auto self = this->shared_from_this();
    send_(self, number, stops_[number].get_token(),
          [self, number](Result<T> result) { self->ended(number, std::move(result)); });
  }

  void ended(uint32_t number, Result<T> result) {
    if (!result && result.code() == Code::throttled)
      shared_->budget.suspend(shared_->scheduler.now());
    // What the store says of the object is an answer, too.
    const bool answered =
        result || !(is_retryable(result.code()) || result.code() == Code::cancelled);
    if (answered && !claim(number)) return left();
    Done<T> done;
    {
      const MutexLock lock(mutex_);
      --running_;
      if (finished_ || (!counts(number) && (decided() || running_ > 0))) return;
      finished_ = true;
      done = std::move(done_);
    }
    done(std::move(result));
  }

  void left() {
    const MutexLock lock(mutex_);
    --running_;
  }

  const std::shared_ptr<HedgeShared> shared_;
  const StoreRequest request_;
  HedgeShared::Kind& kind_;
  const Scheduler::Time begun_;
  const Send send_;
  std::atomic<uint32_t> winner_ = nobody;
  std::array<std::stop_source, 2> stops_;

  Mutex mutex_;
  Done<T> done_ GUARDED_BY(mutex_);
  uint32_t running_ GUARDED_BY(mutex_) = 1;
  bool finished_ GUARDED_BY(mutex_) = false;

  /// Last: it may call cancel() while it is made.
  const std::stop_callback<std::function<void()>> cancelled_;
};

/// Of one attempt of a get: hands on what it brings where it is the one that counts.
class HedgedSink final : public BodySink {
 public:
  HedgedSink(std::shared_ptr<HedgedCall<ObjectInfo>> call, uint32_t attempt,
             std::shared_ptr<BodySink> sink)
      : call_(std::move(call)), attempt_(attempt), sink_(std::move(sink)) {}

  void started(const ObjectInfo& info) noexcept override {
    if (call_->claim(attempt_)) sink_->started(info);
  }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    return call_->claim(attempt_) && sink_->write(offset, bytes);
  }

 private:
  const std::shared_ptr<HedgedCall<ObjectInfo>> call_;
  const uint32_t attempt_;
  const std::shared_ptr<BodySink> sink_;
};

}  // namespace

void HedgeBudget::earn() {
  constexpr uint32_t most = 10 * 20;
  const MutexLock lock(mutex_);
  twentieths_ = std::min(twentieths_ + 1, most);
}

bool HedgeBudget::spend(Scheduler::Time now) {
  constexpr uint32_t one = 20;
  const MutexLock lock(mutex_);
  if (now < suspended_until_ || twentieths_ < one) return false;
  twentieths_ -= one;
  return true;
}

void HedgeBudget::suspend(Scheduler::Time now) {
  const MutexLock lock(mutex_);
  suspended_until_ = now + std::chrono::seconds(10);
}

HedgingStore::HedgingStore(ObjectStore& inner, Scheduler& scheduler,
                           std::shared_ptr<StoreMetrics> metrics)
    : ForwardingStore(inner),
      shared_(std::make_shared<HedgeShared>(scheduler, std::move(metrics))) {}

void HedgingStore::get(GetRequest request, Done<ObjectInfo> done) {
  if (request.request_class == RequestClass::background)
    return inner().get(std::move(request), std::move(done));
  const std::stop_token cancel = request.cancel;
  auto send = [&store = inner(), request = std::move(request)](
                  const std::shared_ptr<HedgedCall<ObjectInfo>>& self, uint32_t attempt,
                  std::stop_token stop, Done<ObjectInfo> then) {
    GetRequest same = request;
    same.cancel = std::move(stop);
    same.sink = std::make_shared<HedgedSink>(self, attempt, request.sink);
    store.get(std::move(same), std::move(then));
  };
  std::make_shared<HedgedCall<ObjectInfo>>(shared_, StoreRequest::get, shared_->gets, cancel,
                                           std::move(send), std::move(done))
      ->start();
}

void HedgingStore::head(HeadRequest request, Done<ObjectInfo> done) {
  const std::stop_token cancel = request.cancel;
  auto send = [&store = inner(), key = std::move(request.key)](
                  const std::shared_ptr<HedgedCall<ObjectInfo>>& /*self*/, uint32_t /*attempt*/,
                  std::stop_token stop, Done<ObjectInfo> then) {
    store.head({.key = key, .cancel = std::move(stop)}, std::move(then));
  };
  std::make_shared<HedgedCall<ObjectInfo>>(shared_, StoreRequest::head, shared_->heads, cancel,
                                           std::move(send), std::move(done))
      ->start();
}

void HedgingStore::list(ListRequest request, Done<ListPage> done) {
  const std::stop_token cancel = request.cancel;
  auto send = [&store = inner(), request = std::move(request)](
                  const std::shared_ptr<HedgedCall<ListPage>>& /*self*/, uint32_t /*attempt*/,
                  std::stop_token stop, Done<ListPage> then) {
    ListRequest same = request;
    same.cancel = std::move(stop);
    store.list(std::move(same), std::move(then));
  };
  std::make_shared<HedgedCall<ListPage>>(shared_, StoreRequest::list, shared_->lists, cancel,
                                         std::move(send), std::move(done))
      ->start();
}

}  // namespace penstock
