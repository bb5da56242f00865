// SPDX-License-Identifier: Apache-2.0
#include "fs/attribute_loader.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

using Mode = MetadataOptions::Attributes;
using Carried = DirectoryState::Carried;

/// How many files of a directory are asked for ahead of a program that goes through it in order;
/// 64 at 30 ms a HEAD are 2,000 files a second.
constexpr uint32_t most_ahead = 64;
/// And how many names it may pass over and still be said to go in order.
constexpr uint32_t most_skipped = 16;

/// The metadata of the object are in the tree, or nobody can know more of it than the tree does.
bool known(const Inode& inode) {
  return inode.stored_known || inode.local_only || inode.unlinked || inode.parent == nullptr ||
         inode.writer != nullptr;
}

/// The root of a mount with a prefix has an object too.
bool unread_root(const Inode& inode, const std::string& key) {
  return inode.id == root_inode && !inode.stored_known && !key.empty();
}

}  // namespace

bool AttributeLoader::may_carry(const Inode& inode) const {
  if (known(inode) || core_.attributes == Mode::none) return false;
  // A directory whose listing had no marker has no object that could carry anything.
  const DirectoryState* own = inode.directory.get();
  if (own != nullptr && own->complete && !own->has_marker) return false;
  if (core_.attributes == Mode::full || (own != nullptr && own->has_marker)) return true;
  return inode.parent->directory->carried == Carried::some;
}

bool AttributeLoader::settled(const Inode& inode) const {
  if (known(inode) || core_.attributes == Mode::none) return true;
  return !may_carry(inode) && inode.parent->directory->sampling == 0;
}

void AttributeLoader::learn(const InodePtr& inode, Done<void> done) {
  std::string key;
  {
    MutexLock lock(core_.tree.mutex);
    const bool implicit =
        inode->directory != nullptr && inode->directory->complete && !inode->directory->has_marker;
    key = core_.tree.key_of(*inode);
    if ((known(*inode) && !unread_root(*inode, key)) || implicit) {
      lock.unlock();
      return done({});  // nothing to ask for
    }
    const bool asked = inode->attribute_waiters != nullptr;
    if (!asked) inode->attribute_waiters = std::make_unique<std::vector<Done<void>>>();
    inode->attribute_waiters->push_back(std::move(done));
    if (asked) return;
  }
  core_.parts.store.head({.key = key},
                         core_.tracked<ObjectInfo>([this, inode, key](Result<ObjectInfo> info) {
                           learned(inode, key, std::move(info));
                         }));
}

void AttributeLoader::learned(const InodePtr& inode, const std::string& key,
                              Result<ObjectInfo> info) {
  std::unique_ptr<std::vector<Done<void>>> waiters;
  {
    const MutexLock lock(core_.tree.mutex);
    waiters = std::move(inode->attribute_waiters);
    // Renamed meanwhile: the answer is about something else, and whoever asks next asks anew.
    const bool same =
        core_.tree.key_of(*inode) == key && (!known(*inode) || unread_root(*inode, key));
    if (info && same) {
      core_.tree.learn_object(*inode, *info);
    } else if (!info && info.code() == Code::not_found && same && inode->directory != nullptr) {
      inode->stored_known = true;  // a directory without a marker
    }
  }
  const Result<void> result = info ? Result<void>() : Result<void>(info.error());
  for (Done<void>& waiter : *waiters) waiter(result);
}

void AttributeLoader::ensure(const InodePtr& inode, Done<void> done) {
  InodePtr directory;
  std::vector<InodePtr> further;
  {
    const MutexLock lock(core_.tree.mutex);
    if (!settled(*inode)) {
      directory = inode->parent;
    } else if (inode->parent != nullptr && inode->parent->directory->carried == Carried::some) {
      further = neighbours(inode);  // this one was asked for ahead: go on
    }
  }
  for (const InodePtr& next : further) learn(next, [](const Result<void>&) {});
  if (directory == nullptr) return done({});
  when_sampled(directory, [this, inode, done = std::move(done)]() mutable {
    std::vector<InodePtr> ahead;
    bool wanted = false;
    {
      const MutexLock lock(core_.tree.mutex);
      wanted = may_carry(*inode);
      if (wanted) ahead = neighbours(inode);
    }
    if (!wanted) return done({});
    learn(inode, [done = std::move(done)](const Result<void>& learned) mutable {
      const bool shown_as_listed =
          !learned && (learned.code() == Code::not_found || learned.code() == Code::access_denied);
      done(shown_as_listed ? Result<void>() : learned);
    });
    for (const InodePtr& next : ahead) learn(next, [](const Result<void>&) {});
  });
}

/// The files behind this one that are worth asking for now: none for a lone question, more and more
/// while they come in order.
std::vector<InodePtr> AttributeLoader::neighbours(const InodePtr& inode) {
  DirectoryState& state = *inode->parent->directory;
  auto at = state.children.upper_bound(state.last_asked);
  // What was known already may have been passed over.
  for (uint32_t skipped = 0; skipped < most_skipped && at != state.children.end() &&
                             at->second != inode && known(*at->second);
       ++skipped) {
    ++at;
  }
  const bool in_order = at != state.children.end() && at->second == inode;
  state.asked_in_order = in_order ? state.asked_in_order + 1 : 0;
  state.last_asked = inode->name;
  std::vector<InodePtr> ahead;
  if (!in_order || state.asked_in_order < 2) return ahead;
  const uint32_t window = std::min(most_ahead, 4U << std::min(state.asked_in_order, 4U));
  uint32_t counted = 0;
  for (++at; at != state.children.end() && counted < window; ++at) {
    ++counted;
    if (at->second->attribute_waiters == nullptr && may_carry(*at->second))
      ahead.push_back(at->second);
  }
  return ahead;
}

void AttributeLoader::listed(const InodePtr& directory) {
  std::vector<InodePtr> sample;
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *directory->directory;
    if (core_.attributes != Mode::automatic || state.carried != Carried::unknown) return;
    // The first and the last one: what was put there at different times is seldom alike at both
    // ends.
    const auto pick = [&](FileType type, auto begin, auto end) {
      const auto found = std::find_if(begin, end, [type](const auto& child) {
        return child.second->type == type && !known(*child.second);
      });
      if (found == end || std::count(sample.begin(), sample.end(), found->second) > 0) return;
      sample.push_back(found->second);
    };
    for (const FileType type : {FileType::file, FileType::directory}) {
      pick(type, state.children.begin(), state.children.end());
      pick(type, state.children.rbegin(), state.children.rend());
    }
    if (sample.empty()) return;  // all of it was written here
    state.carried = Carried::none;
    state.sampling = static_cast<uint32_t>(sample.size());
  }
  for (const InodePtr& inode : sample) {
    learn(inode, [this, directory](const Result<void>&) { sample_answered(directory); });
  }
}

void AttributeLoader::sample_answered(const InodePtr& directory) {
  std::vector<Callback<void()>> ready;
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *directory->directory;
    if (--state.sampling == 0) ready.swap(state.sample_waiters);
  }
  for (auto& call : ready) call();
}

void AttributeLoader::when_sampled(const InodePtr& directory, Callback<void()> ready) {
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *directory->directory;
    if (state.sampling > 0) {
      state.sample_waiters.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

}  // namespace penstock
