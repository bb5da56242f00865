// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>
#include <vector>

#include "base/deferred.h"
#include "base/join.h"
#include "data/read/object_reader_impl.h"

// What a reader fetches for the cache, of an object that nobody may read yet.
namespace penstock {

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
    if (const auto error = ended()) return known.answer<uint64_t>(std::move(done), *error);
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
      const auto all = std::make_shared<Join>(
          gaps.size(), [bytes, done = std::move(done)](const Result<void>& fetched) mutable {
            done(fetched ? Result<uint64_t>(bytes) : Result<uint64_t>(fetched.error()));
          });
      const Fetch::Kind kind = whole() ? Fetch::Kind::whole : Fetch::Kind::ahead;
      for (const ByteRange& gap : gaps) {
        auto pending = std::make_shared<PendingRead>(
            gap, [part = all->part()](const Result<Slices>& slices) mutable {
              part(slices ? Result<void>() : Result<void>(slices.error()));
            });
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
