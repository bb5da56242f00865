// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/conflict_check.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "data/write/gathering.h"
#include "data/write_back/pending_metadata.h"

namespace penstock {
namespace {

/// Bytes that are compared in one go.
constexpr uint64_t compare_size = 4ULL << 20;

}  // namespace

std::string conflict_key(const std::string& key) {
  std::random_device random;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{}.conflict-{:%Y%m%dT%H%M%SZ}-{:06x}", key, fmt::gmtime(now),
                     random() & 0xffffffU);
}

ConflictCheck::ConflictCheck(WriteBackCore& core, std::string key, PromisePtr promise,
                             Error refusal, Done<Finding> done)
    : core_(core),
      key_(std::move(key)),
      promise_(std::move(promise)),
      refusal_(std::move(refusal)),
      done_(std::move(done)) {}

void ConflictCheck::begin(WriteBackCore& core, std::string key, PromisePtr promise, Error refusal,
                          Done<Finding> done) {
  const std::shared_ptr<ConflictCheck> check(new ConflictCheck(
      core, std::move(key), std::move(promise), std::move(refusal), std::move(done)));
  core.parts.store.head({.key = check->key_, .cancel = {}},
                        [check](Result<ObjectInfo> object) { check->found(std::move(object)); });
}

void ConflictCheck::end(Finding::Kind kind) {
  Finding finding{.kind = kind, .object = std::move(object_)};
  finding.object.key = key_;
  std::exchange(done_, {})(std::move(finding));
}

void ConflictCheck::found(Result<ObjectInfo> object) {
  const bool gone = !object && object.code() == Code::not_found;
  if (!object && !gone) return std::exchange(done_, {})(object.error());
  const std::string promised = mark_of(promise_->metadata);
  const bool known = object && object->metadata;
  const bool ours = known && mark_of(*object->metadata) == promised;
  core_.parts.log->debug("'{}' is not as expected: there is {} of {}, the upload of {} met: {}",
                         key_, object ? object->etag : "nothing",
                         known ? mark_of(*object->metadata) : "nobody known", promised,
                         refusal_.describe());
  if (gone) {
    const bool needed = promise_->contents.needs_base();
    return end(needed ? Finding::Kind::theirs : Finding::Kind::gone);
  }
  object_ = std::move(*object);
  if (ours) return end(Finding::Kind::ours);
  if (object_.size != promise_->contents.size()) return end(Finding::Kind::theirs);
  compare(0);
}

void ConflictCheck::compare(uint64_t offset) {
  const uint64_t size = promise_->contents.size();
  if (offset == size) return end(Finding::Kind::same);
  const ByteRange range{offset, std::min(compare_size, size - offset)};
  auto bytes = std::make_shared<std::vector<std::byte>>(range.length);
  auto arrived = [self = shared_from_this(), range, bytes](const Result<ObjectInfo>& got) {
    const bool replaced = !got && (got.code() == Code::changed || got.code() == Code::not_found);
    if (replaced) return self->end(Finding::Kind::theirs);
    if (!got) return std::exchange(self->done_, {})(got.error());
    self->core_.parts.scheduler.post([self, range, bytes] {
      if (!self->matches(range, *bytes)) return self->end(Finding::Kind::theirs);
      self->compare(range.end());
    });
  };
  core_.parts.store.get({.key = key_,
                         .range = range,
                         .if_match = object_.etag,
                         .sink = std::make_shared<CopySink>(range.offset, *bytes, bytes),
                         .cancel = {}},
                        std::move(arrived));
}

/// Whether the promise has `bytes` in `range`.
bool ConflictCheck::matches(ByteRange range, const std::vector<std::byte>& bytes) const {
  std::vector<std::byte> ours(range.length);
  for (const JournalRange& part : promise_->contents.ranges(range)) {
    // Bytes of a base that is gone cannot be compared.
    if (part.kind == JournalRange::Kind::base) return false;
    if (part.kind == JournalRange::Kind::hole) continue;
    const std::span<std::byte> into =
        std::span(ours).subspan(part.offset - range.offset, part.length);
    if (!core_.parts.journal.read(*part.piece, part.skip, into)) return false;
  }
  return ours == bytes;
}

}  // namespace penstock
