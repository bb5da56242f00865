// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/watched_reads.h"

#include <atomic>
#include <utility>

namespace penstock {
namespace {

class WatchedReader final : public ObjectReader,
                            public std::enable_shared_from_this<WatchedReader> {
 public:
  WatchedReader(std::shared_ptr<ObjectReader> inner, ObjectVersion version,
                std::shared_ptr<EpochPrefetcher> prefetcher, std::shared_ptr<OrderHints> hints)
      : inner_(std::move(inner)),
        version_(std::move(version)),
        prefetcher_(std::move(prefetcher)),
        hints_(std::move(hints)) {}

  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    inner_->read(range, std::move(cancel),
                 [weak = weak_from_this(), done = std::move(done)](Result<Slices> slices) mutable {
                   const std::shared_ptr<WatchedReader> self = weak.lock();
                   if (self != nullptr && slices) self->note_read(slices->size());
                   done(std::move(slices));
                 });
  }
  void begin(Done<bool> done) override { inner_->begin(std::move(done)); }
  void find_backing(Done<std::shared_ptr<const BackingFile>> done) override {
    using Backing = Result<std::shared_ptr<const BackingFile>>;
    inner_->find_backing(
        [weak = weak_from_this(), done = std::move(done)](Backing backing) mutable {
          const std::shared_ptr<WatchedReader> self = weak.lock();
          // The kernel reads it without telling anybody.
          if (self != nullptr && backing && *backing != nullptr) self->note(true);
          done(std::move(backing));
        });
  }
  void cache_share(Done<CacheShare> done) override { inner_->cache_share(std::move(done)); }
  void fetch_ahead(ByteRange range, Done<uint64_t> done) override {
    inner_->fetch_ahead(range, std::move(done));
  }

 private:
  /// Bytes that are read twice count twice: it need not be exact.
  void note_read(uint64_t bytes) {
    if (read_.fetch_add(bytes) + bytes >= version_.size) note(false);
  }
  void note(bool cached) {
    if (noted_.exchange(true)) return;
    prefetcher_->read_whole(version_, cached);
    hints_->read_whole(version_);
  }

  const std::shared_ptr<ObjectReader> inner_;
  const ObjectVersion version_;
  const std::shared_ptr<EpochPrefetcher> prefetcher_;
  const std::shared_ptr<OrderHints> hints_;
  std::atomic<uint64_t> read_ = 0;
  std::atomic<bool> noted_ = false;
};

class WatchedReads final : public ReadEngine {
 public:
  WatchedReads(ReadEngine& inner, std::shared_ptr<EpochPrefetcher> prefetcher,
               std::shared_ptr<OrderHints> hints)
      : inner_(inner), prefetcher_(std::move(prefetcher)), hints_(std::move(hints)) {}

  std::shared_ptr<ObjectReader> open(ObjectVersion version,
                                     std::function<void(const ObjectInfo&)> learned) override {
    if (hints_->is_large(version)) {
      return hints_->open_large(version, [&] { return inner_.open(version, std::move(learned)); });
    }
    if (!prefetcher_->watches(version)) return inner_.open(std::move(version), std::move(learned));
    std::shared_ptr<ObjectReader> reader = prefetcher_->opened(version);
    std::shared_ptr<ObjectReader> hinted = hints_->opened(version);
    if (reader == nullptr) reader = std::move(hinted);
    if (reader == nullptr) reader = inner_.open(version, std::move(learned));
    return std::make_shared<WatchedReader>(std::move(reader), std::move(version), prefetcher_,
                                           hints_);
  }

 private:
  ReadEngine& inner_;
  const std::shared_ptr<EpochPrefetcher> prefetcher_;
  const std::shared_ptr<OrderHints> hints_;
};

}  // namespace

std::unique_ptr<ReadEngine> make_watched_reads(ReadEngine& inner,
                                               std::shared_ptr<EpochPrefetcher> prefetcher,
                                               std::shared_ptr<OrderHints> hints) {
  return std::make_unique<WatchedReads>(inner, std::move(prefetcher), std::move(hints));
}

}  // namespace penstock
