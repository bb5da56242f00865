// SPDX-License-Identifier: Apache-2.0
#include "data/read/read_engine.h"

#include <utility>

#include "data/read/object_reader_impl.h"
#include "data/read/read_core.h"

namespace penstock {
namespace {

class ReadEngineImpl final : public ReadEngine {
 public:
  ReadEngineImpl(ReadEngineParts parts, const ReadOptions& options)
      : core_(std::make_shared<ReadCore>(std::move(parts), options)),
        reclaimer_(std::make_shared<MemoryBudget::Reclaimer>(
            [weak = std::weak_ptr(core_)](uint64_t wanted) {
              const std::shared_ptr<ReadCore> core = weak.lock();
              // Demand may have overdrawn the budget by a sixteenth.
              if (core) core->reclaim(wanted + core->parts.budget.limit() / 16);
            })) {
    core_->parts.budget.add_reclaimer(reclaimer_);
  }

  ~ReadEngineImpl() override { core_->parts.budget.remove_reclaimer(reclaimer_); }

  std::shared_ptr<ObjectReader> open(ObjectVersion version,
                                     std::function<void(const ObjectInfo&)> learned) override {
    std::shared_ptr<CacheLink> cache;
    // Without a version nobody could tell later what the bytes are of.
    if (core_->parts.cache != nullptr && version.size > 0 && !version.etag.empty()) {
      cache = std::make_shared<CacheLink>(
          *core_->parts.cache,
          CachedVersion{.key = version.key, .etag = version.etag, .size = version.size});
    }
    auto reader = std::make_shared<ObjectReaderImpl>(core_, std::move(version), std::move(cache),
                                                     std::move(learned));
    core_->add(reader);
    // Callbacks of the store may hold the reader a moment longer than its users do: what ends with
    // the users is not its life but its work. A weak pointer to it keeps this function: it must not
    // keep the reader, and with that the files of the cache open.
    ObjectReader* const address = reader.get();
    return std::shared_ptr<ObjectReader>(address,
                                         [reader = std::move(reader)](ObjectReader*) mutable {
                                           std::exchange(reader, nullptr)->close();
                                         });
  }

 private:
  const std::shared_ptr<ReadCore> core_;
  const std::shared_ptr<MemoryBudget::Reclaimer> reclaimer_;
};

}  // namespace

std::unique_ptr<ReadEngine> make_read_engine(ReadEngineParts parts, ReadOptions options) {
  return std::make_unique<ReadEngineImpl>(std::move(parts), options);
}

}  // namespace penstock
