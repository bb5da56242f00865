// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_sums.h"

#include <utility>

#include "store/metered_call.h"

namespace penstock {

template <typename T, typename Request>
void RetryingSums::repeat(Request request, void (ObjectSums::*ask)(Request, Done<T>),
                          Done<T> done) {
  const std::stop_token cancel = request.cancel;
  CallSubject subject{.operation = StoreRequest::head, .key = request.key};
  std::make_shared<SimpleCall<T>>(
      shared_, std::move(subject), shared_->policy.read_limit, cancel,
      [this, ask, request = std::move(request)](ObjectStore&, const std::stop_token& token,
                                                Done<T> then) {
        Request copy = request;
        copy.cancel = token;
        (inner_.*ask)(std::move(copy),
                      metered_call(shared_->metrics, StoreRequest::head, std::move(then)));
      },
      std::move(done))
      ->start();
}

void RetryingSums::look(HeadRequest request, Done<ObjectSum> done) {
  repeat(std::move(request), &ObjectSums::look, std::move(done));
}

void RetryingSums::look_at_part(PartSumRequest request, Done<PartSum> done) {
  repeat(std::move(request), &ObjectSums::look_at_part, std::move(done));
}

}  // namespace penstock
