// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/promises.h"

#include <algorithm>
#include <memory>

#include "base/wall_clock.h"

namespace penstock {
namespace {

/// The same promise over a base that has what was written up to `generation`.
PromisePtr settled(const Promise& promise, uint64_t generation) {
  auto rest = std::make_shared<Promise>(promise);
  rest->contents.settle(generation);
  return rest;
}

}  // namespace

Promises::Promises(ContentMap contents, Metadata metadata, int64_t since_ns)
    : count_(1), since_ns_(since_ns) {
  durable_ = last_ = std::make_shared<Promise>(Promise{.number = 1,
                                                       .generation = 1,
                                                       .contents = std::move(contents),
                                                       .metadata = std::move(metadata)});
}

void Promises::add(Promise promise) {
  if (!owes()) since_ns_ = wall_clock_ns();
  promise.number = ++count_;
  last_ = std::make_shared<Promise>(std::move(promise));
}

void Promises::promise(PendingContents& contents, Metadata metadata) {
  const uint64_t generation = contents.promise();
  add({.generation = generation, .contents = contents.map(), .metadata = std::move(metadata)});
}

void Promises::describe(const PendingContents& contents, Metadata metadata) {
  const bool owed = owes();
  add({.generation = owed ? last_->generation : contents.promised(),
       .contents = owed ? last_->contents : contents.map(),
       .metadata = std::move(metadata)});
}

void Promises::recorded(const PromisePtr& promise, bool kept) {
  --recording_;
  const bool newer = durable_ == nullptr || durable_->number < promise->number;
  // The last one may be over another base by now than when it was recorded.
  if (kept && last_ != nullptr && newer && promise->number > committed_)
    durable_ = last_->number == promise->number ? last_ : promise;
}

bool Promises::stored(const Promise& promise) {
  committed_ = std::max(committed_, promise.number);
  if (last_ == nullptr || last_->number == promise.number) {
    last_ = durable_ = nullptr;
    return false;
  }
  const bool same = durable_ == last_;
  last_ = settled(*last_, promise.generation);
  if (same) {
    durable_ = last_;
  } else if (durable_owes()) {
    durable_ = settled(*durable_, promise.generation);
  } else {
    durable_ = nullptr;
  }
  return true;
}

}  // namespace penstock
