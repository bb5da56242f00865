// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/first_keys.h"

#include <iterator>
#include <memory>
#include <utility>

namespace penstock {
namespace {

class FirstKeys : public std::enable_shared_from_this<FirstKeys> {
 public:
  FirstKeys(FsCore& core, ListRequest request, Done<ListPage> done)
      : core_(core),
        wanted_(request.max_keys),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void ask() {
    core_.parts.store.list(
        request_, core_.tracked<ListPage>([self = shared_from_this()](Result<ListPage> page) {
          self->answered(std::move(page));
        }));
  }

 private:
  void answered(Result<ListPage> page) {
    if (!page) return done_(page.error());
    std::ranges::move(page->objects, std::back_inserter(all_.objects));
    std::ranges::move(page->common_prefixes, std::back_inserter(all_.common_prefixes));
    all_.continuation = std::move(page->continuation);
    const size_t found = all_.objects.size() + all_.common_prefixes.size();
    if (all_.continuation.empty() || found >= wanted_) return done_(std::move(all_));
    request_.continuation = all_.continuation;
    request_.max_keys = wanted_ - static_cast<uint32_t>(found);
    ask();
  }

  FsCore& core_;
  const uint32_t wanted_;
  ListRequest request_;
  Done<ListPage> done_;
  ListPage all_;
};

}  // namespace

void first_keys(FsCore& core, ListRequest request, Done<ListPage> done) {
  std::make_shared<FirstKeys>(core, std::move(request), std::move(done))->ask();
}

}  // namespace penstock
