// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "penstock/result.h"

namespace penstock {

/// Makes an asynchronous call and waits for its answer: for commands, which have a thread to spare.
template <typename T, typename Call>
Result<T> wait_for(Call call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> answer = promise->get_future();
  call(Done<T>([promise](Result<T> result) { promise->set_value(std::move(result)); }));
  return answer.get();
}

}  // namespace penstock
