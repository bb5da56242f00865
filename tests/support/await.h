// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "penstock/result.h"

namespace penstock::test {

/// Calls an asynchronous operation and waits for its result: `await<ObjectInfo>([&](auto done) {
/// store.head({...}, std::move(done)); })`. For tests and tools only: production code never blocks
/// a thread on a result.
template <typename T, typename Start>
Result<T> await(Start&& start) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  start(Done<T>([promise](Result<T> result) { promise->set_value(std::move(result)); }));
  return future.get();
}

}  // namespace penstock::test
