// SPDX-License-Identifier: Apache-2.0
// Somebody else's object is where a pending file was to go: both are kept.
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <random>
#include <utility>

#include "data/write/gathering.h"
#include "data/write_back/pending_file.h"
#include "data/write_back/pending_metadata.h"

namespace penstock {
namespace {

/// Bytes that are compared in one go.
constexpr uint64_t compare_size = 4ULL << 20;

std::string conflict_key(const std::string& key) {
  std::random_device random;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{}.conflict-{:%Y%m%dT%H%M%SZ}-{:06x}", key, fmt::gmtime(now),
                     random() & 0xffffffU);
}

}  // namespace

bool PendingFile::meets_conflict(const Run& run, const Error& error) const {
  const bool refused = error.code() == Code::changed || error.code() == Code::already_exists;
  return refused && !run.conflict && !held_ && !closed_;
}

/// The object may be ours after all: a reply was lost, or a mount that died had made it.
void PendingFile::settle_conflict(const RunPtr& run, Error error) {
  uploads_->disown();
  std::shared_ptr<FileUpload> upload;
  {
    const MutexLock lock(mutex_);
    upload = std::exchange(run->upload, nullptr);
  }
  if (upload != nullptr) upload->cancel();
  core_.parts.store.head(
      {.key = run->key, .cancel = {}},
      [self = shared_from_this(), run, error = std::move(error)](Result<ObjectInfo> theirs) {
        const bool gone = !theirs && theirs.code() == Code::not_found;
        if (!theirs && !gone) {
          {
            const MutexLock lock(self->mutex_);
            run->conflict = true;  // not settled: the next try comes here again
          }
          return self->run_ended(run, theirs.error());
        }
        const bool ours = theirs && theirs->metadata &&
                          mark_of(*theirs->metadata) == mark_of(run->promise->metadata);
        self->core_.parts.log->debug(
            "'{}' is not as expected: there is {} of {}, the upload of {} met: {}", run->key,
            theirs ? theirs->etag : "nothing",
            theirs && theirs->metadata ? mark_of(*theirs->metadata) : "nobody known",
            mark_of(run->promise->metadata), error.describe());
        if (ours) return self->rebase(run, std::move(*theirs));
        if (gone && !run->promise->contents.needs_base()) return self->rebase(run, std::nullopt);
        if (gone || theirs->size != run->promise->contents.size())
          return self->keep_both(run, error);
        self->compare(run, *theirs, 0, error);
      });
}

void PendingFile::compare(const RunPtr& run, const ObjectInfo& theirs, uint64_t offset,
                          Error error) {
  const uint64_t size = run->promise->contents.size();
  if (offset == size) {
    core_.parts.log->info("'{}' is in the bucket already, with the same bytes", run->key);
    return run_ended(run, theirs);
  }
  const ByteRange range{offset, std::min(compare_size, size - offset)};
  auto bytes = std::make_shared<std::vector<std::byte>>(range.length);
  auto compared = [self = shared_from_this(), run, theirs, range, bytes,
                   error = std::move(error)](const Result<ObjectInfo>& got) {
    const bool replaced = !got && (got.code() == Code::changed || got.code() == Code::not_found);
    if (!got && !replaced) return self->run_ended(run, got.error());
    if (!got) return self->keep_both(run, error);
    self->core_.parts.scheduler.post([self, run, theirs, range, bytes, error] {
      std::vector<std::byte> ours(range.length);
      bool same = true;
      for (const JournalRange& part : run->promise->contents.ranges(range)) {
        const std::span<std::byte> into =
            std::span(ours).subspan(part.offset - range.offset, part.length);
        // Bytes of a base that is gone cannot be compared.
        same &= part.kind != JournalRange::Kind::base;
        if (part.kind == JournalRange::Kind::piece)
          same &= self->core_.parts.journal.read(*part.piece, part.skip, into).has_value();
      }
      if (!same || ours != *bytes) return self->keep_both(run, error);
      self->compare(run, theirs, range.end(), error);
    });
  };
  core_.parts.store.get({.key = run->key,
                         .range = range,
                         .if_match = theirs.etag,
                         .sink = std::make_shared<CopySink>(range.offset, *bytes, bytes),
                         .cancel = {}},
                        std::move(compared));
}

/// What is there was made of an earlier promise of this file, or of this one. It has the bytes of
/// the base that are still needed: what is promised later only needs fewer. Or nothing is there any
/// more, and nothing of it is needed.
void PendingFile::rebase(const RunPtr& run, std::optional<ObjectInfo> ours) {
  core_.parts.log->info("'{}' {}", run->key,
                        ours ? "is in the bucket already, as it was promised earlier"
                             : "was deleted in the bucket: it is stored anew");
  if (ours) ours->key = run->key;
  {
    const MutexLock lock(mutex_);
    if (!ours) replaces_.clear();
    base_ = std::move(ours);
    written_ = true;
  }
  core_.parts.scheduler.post(
      [self = shared_from_this(), run] { self->prepare(run, std::nullopt); });
}

void PendingFile::keep_both(const RunPtr& run, const Error& error) {
  const bool edit = run->promise->contents.needs_base();
  std::string theirs = run->key;
  {
    const MutexLock lock(mutex_);
    run->conflict = true;
    if (!edit) run->key = conflict_key(theirs);
  }
  if (edit) {
    core_.parts.log->error(
        "'{}' was replaced in the bucket while changes to it were pending: they belong to bytes "
        "that are gone, and stay in the journal. To let go of them, delete the file in the mount.",
        theirs);
    return run_ended(run, error);
  }
  core_.parts.log->warning(
      "'{}' was made or changed by somebody else while it was pending here: what was written here "
      "is stored as '{}'",
      theirs, run->key);
  prepare(run, std::nullopt);
}

}  // namespace penstock
