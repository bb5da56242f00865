// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/lease.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace penstock {
namespace {

constexpr const char* lease_text = "penstock-mount 1\n";

}  // namespace

void put_own(FsCore& core, const std::string& key, std::string text, Precondition condition,
             Done<ObjectInfo> done) {
  auto bytes = std::make_shared<const std::string>(std::move(text));
  PutRequest request{.key = key,
                     .metadata = {{header::content_type, "text/plain"}},
                     .condition = std::move(condition)};
  request.body.pieces = {std::as_bytes(std::span(bytes->data(), bytes->size()))};
  request.body.owner = bytes;
  core.parts.store.put(std::move(request), core.tracked<ObjectInfo>(std::move(done)));
}

void Lease::hold(Done<void> done) {
  bool first = false;
  bool there = false;
  {
    const MutexLock lock(mutex_);
    ++holders_;
    there = state_ == State::there;
    first = state_ == State::none;
    if (!there) waiters_.push_back(std::exchange(done, nullptr));
    if (first) state_ = State::putting;
  }
  if (there) return done({});
  if (first) put();
}

Lease::Moment Lease::now() const {
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return {.scheduler = core_.parts.scheduler.now(),
          .since_boot = std::chrono::seconds(boot.tv_sec) + std::chrono::nanoseconds(boot.tv_nsec)};
}

std::chrono::nanoseconds Lease::age() const {
  const Moment moment = now();
  return std::max<std::chrono::nanoseconds>(moment.scheduler - renewed_.scheduler,
                                            moment.since_boot - renewed_.since_boot);
}

void Lease::put() {
  put_own(core_, key(), lease_text, {},
          [this, sent = now()](const Result<ObjectInfo>& result) { put_ended(sent, result); });
}

void Lease::put_ended(const Moment& sent, const Result<ObjectInfo>& result) {
  std::vector<Done<void>> waiters;
  uint64_t period = 0;
  {
    const MutexLock lock(mutex_);
    state_ = result ? State::there : State::none;
    if (result) {
      renewed_ = sent;
      store_time_ns_ = result->last_modified_ns;
      period = ++period_;
    }
    waiters.swap(waiters_);
  }
  if (result) core_.after(core_.parts.identity.renewal, [this, period] { renew(period); });
  for (Done<void>& waiter : waiters) waiter(result ? Result<void>() : Result<void>(result.error()));
}

void Lease::renew(uint64_t period) {
  {
    const MutexLock lock(mutex_);
    if (period != period_ || state_ != State::there) return;
  }
  core_.after(core_.parts.identity.renewal, [this, period] { renew(period); });
  put_own(core_, key(), lease_text, {},
          [this, period, sent = now()](const Result<ObjectInfo>& result) {
            bool late = false;
            {
              const MutexLock lock(mutex_);
              const bool same = period == period_ && state_ == State::there;
              if (result && same) {
                renewed_ = sent;
                store_time_ns_ = result->last_modified_ns;
              }
              late = result && !same && state_ != State::there && state_ != State::putting;
            }
            // This write of the lease was answered after the lease was given up, and may have
            // reached the store after the removal: it is removed once more.
            if (late)
              core_.parts.store.remove(key(), core_.tracked<void>([](const Result<void>&) {}));
          });
}

void Lease::release(const std::string& leftover, Done<void> done) {
  std::vector<std::string> keys;
  if (!leftover.empty()) keys.push_back(leftover);
  bool last = false;
  {
    const MutexLock lock(mutex_);
    last = --holders_ == 0 && state_ == State::there;
    if (last) {
      state_ = State::removing;
      ++period_;
      keys.push_back(key());
    }
  }
  if (keys.empty()) return done({});
  core_.parts.store.remove_many(
      std::move(keys),
      core_.tracked<std::vector<DeleteFailure>>(
          [this, last,
           done = std::move(done)](const Result<std::vector<DeleteFailure>>& failures) mutable {
            bool again = false;
            if (last) {
              const MutexLock lock(mutex_);
              again = !waiters_.empty();
              state_ = again ? State::putting : State::none;
            }
            if (again) put();
            if (!failures) return done(failures.error());
            done(failures->empty() ? Result<void>() : Result<void>(failures->front().error));
          }));
}

int64_t Lease::store_time_ns() const {
  const MutexLock lock(mutex_);
  return store_time_ns_;
}

int64_t Lease::latest_store_time_ns() const {
  const MutexLock lock(mutex_);
  return store_time_ns_ == 0 ? 0 : store_time_ns_ + age().count();
}

bool Lease::valid() const {
  // With room for a clock that is a little fast, and for the request that relies on it.
  const MutexLock lock(mutex_);
  return state_ == State::there && age() < core_.parts.identity.lease / 2;
}

}  // namespace penstock
