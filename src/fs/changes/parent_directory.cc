// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/parent_directory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fs/lookups/first_keys.h"

namespace penstock {

void check_empty(FsCore& core, const InodePtr& directory, Done<void> done) {
  ListRequest request{.max_keys = 2};
  bool kept = false;
  std::optional<Error> gone;
  {
    const MutexLock lock(core.tree.mutex);
    Result<std::string> prefix = core.tree.key_of(*directory);
    if (prefix) request.prefix = std::move(*prefix);
    if (!prefix) gone = prefix.error();
    kept = core.tree.keeps_below(*directory);
  }
  if (gone) return done(*gone);
  if (kept) return done(Error(Code::not_empty));
  const std::string marker = request.prefix;
  first_keys(core, std::move(request),
             [&core, marker, directory, done = std::move(done)](Result<ListPage> page) mutable {
               if (!page) return done(page.error());
               bool has_marker = false;
               for (const ObjectInfo& object : page->objects) {
                 // Bytes that another client put under the directory's own key are
                 // nothing that a removal of an empty directory may take along.
                 if (object.key != marker || object.size > 0) return done(Error(Code::not_empty));
                 has_marker = true;
               }
               {
                 const MutexLock lock(core.tree.mutex);
                 directory->directory->has_marker = has_marker;
               }
               done({});
             });
}

void keep_directory(FsCore& core, const InodePtr& directory, const std::string& leaving,
                    Done<void> done) {
  // Enough to see the marker, what leaves, and one more.
  ListRequest request{.by_directory = true, .max_keys = 3};
  std::string key;
  bool stays = false;
  bool known = false;
  std::optional<Error> gone;
  {
    const MutexLock lock(core.tree.mutex);
    const DirectoryState& state = *directory->directory;
    const InodePtr child = core.tree.child(*directory, leaving);
    stays = state.has_marker || directory->binding == Binding::root || child == nullptr ||
            state.children.size() > 1;
    known = state.complete;
    Result<std::string> prefix = core.tree.key_of(*directory);
    if (prefix) request.prefix = std::move(*prefix);
    if (!prefix) gone = prefix.error();
    if (prefix && child != nullptr) key = core.tree.key_of(*child).value();
  }
  if (gone) return done(*gone);
  if (stays) return done({});
  if (known) return core.store_marker(directory, std::move(done));
  auto listed = [&core, directory, key = std::move(key), own = request.prefix,
                 done = std::move(done)](Result<ListPage> page) mutable {
    if (!page) return done(page.error());
    bool others = std::ranges::any_of(page->common_prefixes,
                                      [&](const std::string& below) { return below != key; });
    bool marker = false;
    for (const ObjectInfo& object : page->objects) {
      marker |= object.key == own;
      others |= object.key != own && object.key != key;
    }
    if (others || marker) return done({});
    core.store_marker(directory, std::move(done));
  };
  first_keys(core, std::move(request), std::move(listed));
}

}  // namespace penstock
