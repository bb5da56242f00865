// SPDX-License-Identifier: Apache-2.0
#include "app/listed_objects.h"

#include "app/wait_for.h"

namespace penstock {

Result<bool> for_each_object(ObjectStore& store, ListRequest request,
                             const std::function<bool(const ObjectInfo&)>& visit) {
  bool found = false;
  while (true) {
    const Result<ListPage> page =
        wait_for<ListPage>([&](Done<ListPage> done) { store.list(request, std::move(done)); });
    if (!page && page.code() == Code::not_supported && request.with_restore) {
      request.with_restore = false;  // s3proxy refuses the header that asks for it
      continue;
    }
    if (!page) return page.error();
    for (const ObjectInfo& object : page->objects) {
      found = true;
      if (!visit(object)) return found;
    }
    if (page->continuation.empty()) return found;
    request.continuation = page->continuation;
  }
}

}  // namespace penstock
