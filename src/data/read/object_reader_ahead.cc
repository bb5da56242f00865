// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "data/read/object_reader_impl.h"

// What a reader fetches for the cache, of an object that nobody may read yet.
namespace penstock {
namespace {

/// Answers when the last of several fetches has ended: with the bytes of all, or the first error.
class Gathering {
 public:
  Gathering(size_t fetches, uint64_t bytes, Done<uint64_t> done)
      : bytes_(bytes), done_(std::move(done)), left_(fetches) {}

  void ended(const Result<Slices>& result) EXCLUDES(mutex_) {
    Result<uint64_t> answer = bytes_;
    {
      const MutexLock lock(mutex_);
      if (!result && !error_) error_ = result.error();
      if (--left_ != 0) return;
      if (error_) answer = *error_;
    }
    done_(std::move(answer));
  }

 private:
  const uint64_t bytes_;
  Done<uint64_t> done_;
  Mutex mutex_;
  size_t left_ GUARDED_BY(mutex_);
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

}  // namespace

void ObjectReaderImpl::fetch_ahead(ByteRange range, Done<uint64_t> done) {
  if (cache_ == nullptr) return done(Error(Code::not_supported));
  if (whole()) range = {0, version_.size};
  cache_->find_lacking(range, [self = shared_from_this(), done = std::move(done)](
                                  std::optional<std::vector<ByteRange>> lacking) mutable {
    if (!lacking) return done(Error(Code::no_space, "the cache takes nothing now"));
    if (lacking->empty()) return done(uint64_t{0});
    self->fetch_for_cache(*lacking, std::move(done));
  });
}

void ObjectReaderImpl::fetch_for_cache(const std::vector<ByteRange>& lacking, Done<uint64_t> done) {
  Aftermath after;
  {
    Deferred known;
    const MutexLock lock(mutex_);
    if (closed_) return known.answer(std::move(done), Result<uint64_t>(closed_error()));
    if (changed_) return known.answer(std::move(done), Result<uint64_t>(*changed_));
    drop_kept(after);
    std::vector<ByteRange> gaps;
    uint64_t bytes = 0;
    for (const ByteRange& range : whole() ? std::vector{ByteRange{0, version_.size}} : lacking) {
      for (const ByteRange& gap : fetches_.gaps(range)) {
        bytes += gap.length;
        gaps.push_back(gap);
      }
    }
    auto memory = core_->parts.budget.try_reserve(MemoryBudget::Use::read_ahead, bytes);
    if (gaps.empty() || !memory) {
      known.answer(std::move(done), gaps.empty() ? Result<uint64_t>(uint64_t{0})
                                                 : Result<uint64_t>(Error(Code::no_space)));
    } else {
      const auto gathering = std::make_shared<Gathering>(gaps.size(), bytes, std::move(done));
      const Fetch::Kind kind = whole() ? Fetch::Kind::whole : Fetch::Kind::ahead;
      for (const ByteRange& gap : gaps) {
        auto pending = std::make_shared<PendingRead>(
            gap, [gathering](const Result<Slices>& slices) { gathering->ended(slices); });
        pending->ahead = true;
        make_fetch({gap.offset, gap.end(), kind}, memory->split(gap.length), after);
        after.starts.back()->pin(std::move(pending), gap.offset, gap.end());
      }
    }
  }
  run(std::move(after));
}

// Of what was fetched for the cache the disk has by now, or never will.
void ObjectReaderImpl::drop_kept(Aftermath& after) {
  const std::shared_ptr<CacheFile> file = cache_->file();
  const Scheduler::Time now = core_->parts.scheduler.now();
  std::vector<const Fetch*> kept;
  for (const auto& [end, fetch] : fetches_.all()) {
    if (fetch->kind() != Fetch::Kind::ahead || !fetch->complete() || fetch->pinned()) continue;
    const ByteRange range{fetch->begin(), fetch->size()};
    if (awaited(*fetch, now) || (file != nullptr && file->writes(range))) continue;
    kept.push_back(fetch.get());
  }
  for (const Fetch* fetch : kept) drop(*fetch, after);
}

}  // namespace penstock
