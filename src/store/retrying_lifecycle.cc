// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_lifecycle.h"

#include <utility>

#include "store/metered_call.h"

namespace penstock {
namespace {

template <typename T, typename Send>
void start(const std::shared_ptr<RetryShared>& shared, std::chrono::milliseconds patience,
           Send send, Done<T> done) {
  std::make_shared<SimpleCall<T>>(
      shared, CallSubject{.operation = StoreRequest::lifecycle, .key = shared->place}, patience,
      std::stop_token(),
      [send = std::move(send), metrics = shared->metrics](ObjectStore&, const std::stop_token&,
                                                          Done<T> then) {
        send(metered_call(metrics, StoreRequest::lifecycle, std::move(then)));
      },
      std::move(done))
      ->start();
}

}  // namespace

void RetryingLifecycle::read(Done<LifecycleConfiguration> done) {
  start<LifecycleConfiguration>(
      shared_, shared_->policy.read_limit,
      [this](Done<LifecycleConfiguration> then) { inner_.read(std::move(then)); }, std::move(done));
}

void RetryingLifecycle::put(const LifecycleConfiguration& read, TransitionRule rule,
                            Done<void> done) {
  start<void>(
      shared_, shared_->policy.write_limit,
      [this, read, rule = std::move(rule)](Done<void> then) {
        inner_.put(read, rule, std::move(then));
      },
      std::move(done));
}

void RetryingLifecycle::remove(const LifecycleConfiguration& read,
                               const std::vector<std::string>& ids, Done<void> done) {
  start<void>(
      shared_, shared_->policy.write_limit,
      [this, read, ids](Done<void> then) { inner_.remove(read, ids, std::move(then)); },
      std::move(done));
}

}  // namespace penstock
