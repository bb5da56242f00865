// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/resolver.h"

#include <optional>
#include <utility>

#include "fs/lookups/first_keys.h"
#include "fs/names/lock_name.h"

namespace penstock {
namespace {

/// Two lookups of a directory's names within this time make the directory worth a LIST.
constexpr std::chrono::seconds neighbour_window{10};

Error no_such_name() { return Error(Code::not_found); }

/// Whether `name` looks like one that is about to be made, in no order: then a page of its
/// neighbours would tell of nothing that anybody asks for next. In order, a page tells of the next
/// names too.
bool is_new_name(DirectoryState& directory, const std::string& name) {
  if (!directory.made_here || directory.children.contains(name)) return false;
  const bool in_order = name > std::exchange(directory.last_missed, name);
  return !in_order;
}

/// The first object below a directory, which may be its own.
void note_found_below(Inode& directory, int64_t last_modified_ns, bool marker) {
  DirectoryState& state = *directory.directory;
  state.has_marker = marker;
  if (marker) Tree::compare_modified(directory, last_modified_ns);
  if (state.oldest_ns == 0 || last_modified_ns < state.oldest_ns)
    state.oldest_ns = last_modified_ns;
}

}  // namespace

/// A lone lookup: two requests side by side.
struct Resolver::Single {
  InodePtr directory;
  std::string name;
  std::string key;
  uint64_t changes_at_start = 0;
  Scheduler::Time asked{};
  Done<InodePtr> done;
  Mutex mutex;
  int missing GUARDED_BY(mutex) = 2;
  std::optional<Result<ObjectInfo>> file GUARDED_BY(mutex);
  std::optional<Result<ListPage>> below GUARDED_BY(mutex);
};

void Resolver::resolve(const InodePtr& directory, const std::string& name, Done<InodePtr> done) {
  if (name.size() > max_name_bytes)
    return done(Error(Code::name_too_long, "a name has at most 255 bytes"));
  if (core_.tree.is_own(*directory, name)) return done(no_such_name());
  InodePtr known;
  bool denied = false;
  bool list = false;
  bool large = false;
  std::optional<Error> gone;
  Scheduler::Time asked{};
  {
    const MutexLock lock(core_.tree.mutex);
    if (directory->deleted() || directory->vanished()) gone = Tree::gone(*directory);
    DirectoryState& state = *directory->directory;
    const Scheduler::Time now = core_.parts.scheduler.now();
    core_.tree.touch(*directory);
    asked = now;
    known = core_.tree.child(*directory, name);
    if (known != nullptr && !core_.tree.fresh(*known)) known.reset();
    denied = known == nullptr && core_.tree.child(*directory, name) == nullptr &&
             core_.tree.listing_denies(*directory, name);
    if (known == nullptr && !denied) {
      // Names of lock files, and names that the store has refused to make since it had them
      // (Tree::note_taken), are asked for by a request of their own each time: a listing would be
      // too old.
      const bool taken = Tree::taken(*directory, name) || lock_name(name);
      const bool neighbours_asked = state.last_single_lookup != Scheduler::Time{} &&
                                    now - state.last_single_lookup < neighbour_window;
      large = state.spans_pages;
      list = large ? core_.parts.ordered_listings && neighbours_asked && !is_new_name(state, name)
                   : (state.listing != nullptr || state.complete || neighbours_asked);
      // A listing that is under way may not have it yet.
      if (taken) list = false;
      if (!list && !taken) state.last_single_lookup = now;
    }
  }
  if (gone) return done(*gone);
  if (known != nullptr) return done(std::move(known));
  if (denied) return done(no_such_name());
  if (!list) return resolve_single(directory, name, Ask::any, std::move(done));
  auto listed = [this, pass = core_.gate.pass(), directory, name, asked,
                 done = std::move(done)]() mutable {
    InodePtr found;
    bool absent = false;
    {
      const MutexLock lock(core_.tree.mutex);
      found = core_.tree.child(*directory, name);
      absent = found == nullptr && core_.tree.listing_denies(*directory, name, asked);
      if (found != nullptr && !core_.tree.fresh(*found) && found->told.at < asked) found.reset();
    }
    if (found != nullptr) return done(std::move(found));
    if (absent) return done(no_such_name());
    resolve_single(directory, name, Ask::any, std::move(done));
  };
  if (large) return loader_.refresh_around(directory, name, std::move(listed));
  loader_.probe(directory, std::move(listed));
}

void Resolver::resolve_single(const InodePtr& directory, const std::string& name, Ask ask,
                              Done<InodePtr> done) {
  auto single = std::make_shared<Single>();
  single->directory = directory;
  single->name = name;
  single->done = std::move(done);
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    Result<std::string> key = core_.tree.child_key(*directory, name, FileType::file);
    if (!key) {
      gone = key.error();
    } else if (key->size() > core_.limits.max_key_bytes) {
      gone = no_such_name();
    } else {
      DirectoryState& state = *directory->directory;
      single->key = std::move(*key);
      single->changes_at_start = state.change_count;
      single->asked = core_.parts.scheduler.now();
      ++state.partial_listings;
    }
  }
  if (gone) return single->done(*gone);
  if (ask == Ask::file) {
    const MutexLock lock(single->mutex);
    single->missing = 1;
    single->below = ListPage();
  }
  core_.parts.store.head({.key = single->key},
                         core_.tracked<ObjectInfo>([this, single](Result<ObjectInfo> info) {
                           {
                             const MutexLock lock(single->mutex);
                             single->file = std::move(info);
                           }
                           single_answered(single);
                         }));
  if (ask == Ask::file) return;
  first_keys(core_, {.prefix = single->key + "/", .max_keys = 1},
             [this, single](Result<ListPage> page) {
               {
                 const MutexLock lock(single->mutex);
                 single->below = std::move(page);
               }
               single_answered(single);
             });
}

Resolver::Standing Resolver::standing(const Single& single) {
  DirectoryState& state = *single.directory->directory;
  const auto changed = state.changed.find(single.name);
  const bool changed_here =
      changed != state.changed.end() && changed->second > single.changes_at_start;
  if (--state.partial_listings == 0 && state.listing == nullptr) state.changed.clear();
  const Result<std::string> key =
      core_.tree.child_key(*single.directory, single.name, FileType::file);
  if (!key) return Standing::gone;
  // Another answer, to who asked later, has told since that there is no such name.
  const auto absent = state.absent.find(single.name);
  const bool overtaken = !state.children.contains(single.name) &&
                         (state.listed.at > single.asked ||
                          (absent != state.absent.end() && absent->second > single.asked));
  // The directory may have been renamed meanwhile.
  if (changed_here || overtaken || *key != single.key) return Standing::old;
  return Standing::holds;
}

InodePtr Resolver::learn_single(const Single& single, const Result<ObjectInfo>& file,
                                const Result<ListPage>& below) {
  const InodePtr& directory = single.directory;
  InodePtr known = core_.tree.child(*directory, single.name);
  const bool is_directory = below && !below->objects.empty();
  // Another answer told of something else meanwhile. Which of the two is newer nobody can say:
  // whoever needs to know asks again.
  const bool doubtful =
      known != nullptr && known->told.at > single.asked &&
      (known->directory != nullptr ? !is_directory
                                   : is_directory || !file || known->etag != file->etag);
  if (doubtful) {
    known->told = {};
    return known;
  }
  if (is_directory) {
    InodePtr inode = core_.tree.learn_directory(directory, single.name, single.asked);
    if (inode->directory) {
      const ObjectInfo& first = below->objects.front();
      note_found_below(*inode, first.last_modified_ns, first.key == single.key + "/");
      core_.tree.told_directory(*inode, single.asked);
    }
    return inode;
  }
  if (file) return core_.tree.learn_file(directory, single.name, *file, single.asked);
  // What is missing may have been renamed already, with the directory.
  const bool moving = core_.leaving(*directory);
  if (known != nullptr && (moving || core_.tree.keeps(*known))) return known;
  if (known != nullptr) core_.tree.detach(known, Binding::vanished);
  if (!moving) core_.tree.note_absent(*directory, single.name, single.asked);
  return nullptr;
}

void Resolver::ask_when_settled(const std::shared_ptr<Single>& single) {
  core_.wait_for_name(single->directory, [this, single, pass = core_.gate.pass()]() mutable {
    resolve(single->directory, single->name, std::move(single->done));
  });
}

void Resolver::single_answered(const std::shared_ptr<Single>& single) {
  Result<ObjectInfo> file = no_such_name();
  Result<ListPage> below = no_such_name();
  {
    const MutexLock lock(single->mutex);
    if (--single->missing != 0) return;
    file = std::move(*single->file);
    below = std::move(*single->below);
  }
  std::optional<Error> failed;
  if (!below && below.code() != Code::not_found) failed = below.error();
  if (!failed && !file && file.code() != Code::not_found) failed = file.error();
  InodePtr inode;
  Standing stands = Standing::holds;
  bool marked = false;
  {
    const MutexLock lock(core_.tree.mutex);
    stands = standing(*single);
    if (stands == Standing::holds && !failed) {
      inode = learn_single(*single, file, below);
      if (inode == nullptr && core_.leaving(*single->directory)) return ask_when_settled(single);
    }
    if (stands == Standing::old) inode = core_.tree.child(*single->directory, single->name);
    marked = inode != nullptr && inode->directory != nullptr && inode->directory->has_marker;
  }
  if (stands == Standing::gone) return single->done(Tree::gone(*single->directory));
  if (stands == Standing::old && inode == nullptr)
    return resolve(single->directory, single->name, std::move(single->done));
  if (stands == Standing::holds && failed) return single->done(*failed);
  if (inode == nullptr) return single->done(no_such_name());
  if (!marked) return single->done(std::move(inode));
  // A marker may carry the directory's mode and owner.
  attributes_.learn(inode, [single, inode](const Result<void>& learned) {
    if (!learned && learned.code() != Code::not_found) return single->done(learned.error());
    single->done(inode);
  });
}

void Resolver::refresh(const InodePtr& inode, Done<void> done) {
  InodePtr parent;
  std::string name;
  bool vanished = false;
  {
    const MutexLock lock(core_.tree.mutex);
    vanished = inode->vanished();
    if (!core_.tree.fresh(*inode)) {
      parent = inode->parent;
      name = inode->name;
    }
  }
  if (vanished) return done(Tree::gone(*inode));
  if (parent == nullptr) return done({});
  resolve(parent, name, same(inode, std::move(done)));
}

Done<InodePtr> Resolver::same(const InodePtr& inode, Done<void> done) {
  return [inode, done = std::move(done)](Result<InodePtr> now) mutable {
    if (!now) return done(now.error());
    if (*now != inode) return done(Tree::gone(*inode));
    done({});
  };
}

bool Resolver::ask_once_more(const InodePtr& inode, Done<void>& done) {
  const bool here = inode->commits_running > 0 || core_.leaving(*inode);
  if (!here && Tree::changing(*inode)) return false;
  auto again = [this, inode, pass = core_.gate.pass(), done = std::move(done)]() mutable {
    bool named = false;
    {
      const MutexLock now(core_.tree.mutex);
      named = inode->named();
    }
    // Of a file that was deleted or replaced meanwhile those go on who had it open before.
    if (!named) return done(Tree::gone(*inode));
    refresh_to_open(inode, std::move(done));
  };
  if (inode->commits_running > 0) {
    inode->after_commits.emplace_back(std::move(again));
  } else if (here) {
    core_.wait_for_name(inode, std::move(again));
  } else {
    core_.parts.scheduler.post(std::move(again));
  }
  return true;
}

void Resolver::refresh_to_open(const InodePtr& inode, Done<void> done) {
  InodePtr parent;
  std::string name;
  const Scheduler::Time sent = core_.parts.scheduler.now();
  {
    const MutexLock lock(core_.tree.mutex);
    // What is only here, or being changed here, nobody else knows better.
    const bool stored = !inode->local_only && inode->writer() == nullptr;
    if (core_.tree.freshness.asks_at_open() && stored) {
      parent = inode->parent;
      name = inode->name;
    }
  }
  if (parent == nullptr) return refresh(inode, std::move(done));
  // Another client's version has another inode while the kernel refers to this one (`same` tells
  // that). A version that this mount has stored meanwhile is the one that the kernel knows: its own
  // programs have made it.
  auto asked = [this, inode, sent, done = std::move(done)](Result<void> found) mutable {
    {
      const MutexLock lock(core_.tree.mutex);
      if (found && inode->told.at < sent && ask_once_more(inode, done)) return;
    }
    done(std::move(found));
  };
  resolve_single(parent, name, Ask::file, same(inode, std::move(asked)));
}

void Resolver::revalidate(const InodePtr& inode, Done<void> done) {
  {
    const MutexLock lock(core_.tree.mutex);
    inode->stored_known = false;
  }
  attributes_.learn(inode, std::move(done));
}

}  // namespace penstock
