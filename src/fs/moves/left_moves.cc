// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/left_moves.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "fs/moves/object_moves.h"

namespace penstock {
namespace {

using Objects = std::map<std::string, ObjectInfo>;

class ListWalk : public std::enable_shared_from_this<ListWalk> {
 public:
  ListWalk(FsCore& core, std::string prefix, Done<Objects> done)
      : core_(core), prefix_(std::move(prefix)), done_(std::move(done)) {}

  void ask(std::string continuation) {
    core_.parts.store.list(
        {.prefix = prefix_, .continuation = std::move(continuation)},
        core_.tracked<ListPage>([self = shared_from_this()](Result<ListPage> page) {
          if (!page) return self->done_(page.error());
          for (ObjectInfo& object : page->objects) {
            std::string relative = object.key.substr(self->prefix_.size());
            self->found_.emplace(std::move(relative), std::move(object));
          }
          if (page->continuation.empty()) return self->done_(std::move(self->found_));
          self->ask(std::move(page->continuation));
        }));
  }

 private:
  FsCore& core_;
  const std::string prefix_;
  Done<Objects> done_;
  Objects found_;
};

using Choose = std::function<bool(const ObjectInfo& original, const ObjectInfo& copy)>;

/// Deletes below `of` the names on both sides that `choose` says.
void remove_chosen(FsCore& core, const Move& move, const std::string& of, Choose choose,
                   Done<void> done) {
  list_objects(core, move.from,
               [&core, move, of, choose = std::move(choose),
                done = std::move(done)](Result<Objects> originals) mutable {
                 if (!originals) return done(originals.error());
                 list_objects(
                     core, move.to,
                     [&core, of, choose = std::move(choose), originals = std::move(*originals),
                      move, done = std::move(done)](const Result<Objects>& copies) mutable {
                       if (!copies) return done(copies.error());
                       RemoveAll removal{.prefix = of};
                       size_t kept = 0;
                       for (const auto& [name, copy] : *copies) {
                         const auto original = originals.find(name);
                         if (original == originals.end()) continue;
                         // Copied over, it is still what was there before.
                         if (move.over_marker && name.empty() && of == move.to) continue;
                         if (choose(original->second, copy)) {
                           removal.relative_keys.push_back(name);
                         } else {
                           ++kept;
                         }
                       }
                       if (kept > 0) {
                         core.parts.log->warning(
                             "a rename of '{}' to '{}' was not ended by its mount; {} names are "
                             "left in both, for they are not surely copies or were changed since",
                             move.from, move.to, kept);
                       }
                       remove_all(core, std::move(removal), std::move(done));
                     });
               });
}

}  // namespace

bool same_contents(const ObjectInfo& one, const ObjectInfo& other) {
  if (one.size != other.size) return false;
  // ETags of multipart objects depend on their parts, which a copy may cut differently.
  const bool of_parts = one.etag.find('-') != ETag::npos || other.etag.find('-') != ETag::npos;
  return of_parts || one.etag == other.etag;
}

void list_objects(FsCore& core, const std::string& prefix, Done<Objects> done) {
  if (prefix.ends_with('/'))
    return std::make_shared<ListWalk>(core, prefix, std::move(done))->ask("");
  core.parts.store.head(
      {.key = prefix},
      core.tracked<ObjectInfo>([done = std::move(done)](Result<ObjectInfo> info) mutable {
        if (!info && info.code() != Code::not_found) return done(info.error());
        Objects found;
        if (info) found.emplace("", std::move(*info));
        done(std::move(found));
      }));
}

void remove_left_copies(FsCore& core, const Move& move, int64_t since_ns, int64_t until_ns,
                        Done<void> done) {
  // What is put aside is nobody else's.
  const bool own = move.to.starts_with(core.own.root);
  const auto is_copy = [earliest = since_ns - store_time_tolerance_ns,
                        latest = until_ns + store_time_tolerance_ns,
                        own](const ObjectInfo& original, const ObjectInfo& copy) {
    return own || (same_contents(original, copy) && copy.last_modified_ns >= earliest &&
                   copy.last_modified_ns <= latest);
  };
  remove_chosen(core, move, move.to, is_copy, std::move(done));
}

void remove_left_originals(FsCore& core, const Move& move, int64_t since_ns, Done<void> done) {
  // What was renamed in the store, over an original, has kept a time of before.
  const bool times_tell = !core.parts.store.limits().renames;
  const auto is_done_with = [since_ns, times_tell](const ObjectInfo& original,
                                                   const ObjectInfo& copy) {
    return (times_tell && original.last_modified_ns < since_ns - store_time_tolerance_ns) ||
           same_contents(original, copy);
  };
  remove_chosen(core, move, move.from, is_done_with, std::move(done));
}

}  // namespace penstock
