// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/promise_records.h"

#include <utility>

#include "data/write_back/pending_metadata.h"

namespace penstock {

void PromiseRecords::record(Done<void> done) {
  const PromisePtr promise = promises_.recording();
  auto answered = [this, keep = file_.keep(), promise, outlived = outlived_,
                   done = std::move(done)](Result<void> kept) mutable {
    recorded(promise, outlived, kept);
    done(std::move(kept));
  };
  Metadata metadata = promise->metadata;
  if (doomed_) mark_doomed(metadata);
  core_.parts.journal.record({.file = number_,
                              .key = object_.key(),
                              .size = promise->contents.size(),
                              .ranges = promise->contents.ranges(),
                              .metadata = std::move(metadata),
                              .base = object_.base(),
                              .replaces = object_.replaces(),
                              .since_ns = promises_.since_ns()},
                             std::move(answered));
}

/// `outlived`: as of the call of record, for a later name may have outlived others.
void PromiseRecords::recorded(const PromisePtr& promise, const std::vector<uint64_t>& outlived,
                              const Result<void>& kept) {
  file_.run([&](Deferred& after) {
    promises_.recorded(promise, kept.has_value());
    if (kept) {
      for (const uint64_t file : outlived) {
        if (std::erase(outlived_, file) > 0)
          core_.parts.journal.forget(file, [](const Result<void>&) {});
      }
    }
    listener_.recorded(kept, after);
  });
}

void PromiseRecords::forget(Done<void> done) {
  core_.parts.journal.forget(number_, std::move(done));
}

void PromiseRecords::doom(Done<void> done) {
  // Nothing is owed, but the record that says so may not be durable yet, and after a crash the
  // promise would be uploaded again.
  if (!promises_.owes()) {
    forget_outlived();
    return forget(std::move(done));
  }
  doomed_ = true;
  record(std::move(done));
}

void PromiseRecords::spare() {
  if (std::exchange(doomed_, false) && promises_.owes()) record([](const Result<void>&) {});
}

void PromiseRecords::disclaim(Done<void> done, Deferred& after) {
  promises_.disclaim();
  if (inherited_) return after.answer(std::move(done), {});
  forget_outlived();
  forget(std::move(done));
}

std::vector<uint64_t> PromiseRecords::bequeath() {
  std::vector<uint64_t> files = std::exchange(outlived_, {});
  inherited_ = promises_.owes();
  if (inherited_) files.push_back(number_);
  return files;
}

void PromiseRecords::inherit(const std::vector<uint64_t>& files) {
  outlived_.insert(outlived_.end(), files.begin(), files.end());
}

void PromiseRecords::forget_outlived() {
  for (const uint64_t file : std::exchange(outlived_, {}))
    core_.parts.journal.forget(file, [](const Result<void>&) {});
}

}  // namespace penstock
