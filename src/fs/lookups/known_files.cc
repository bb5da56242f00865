// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/known_files.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "data/epoch/small_objects.h"

namespace penstock {
namespace {

/// Without its key. Nothing where it is being changed, or is archived.
std::optional<ObjectVersion> stored_version_of(const Inode& inode) {
  if (Tree::changing(inode) || inode.writer() != nullptr || inode.archive != Inode::Archive::no)
    return std::nullopt;
  return ObjectVersion{.key = {}, .etag = inode.etag, .size = inode.size};
}

/// Walks over names with the tree's lock held.
class KnownFilesWalk {
 public:
  KnownFilesWalk(const FsCore& core, const KnownFilesRequest& request)
      : core_(core), request_(request) {}

  KnownFiles run(const Inode& root) {
    const Inode* const directory = find(root);
    found_.end = true;
    if (directory == nullptr) return std::move(found_);
    std::string_view after = request_.after;
    after.starts_with(request_.directory) ? after.remove_prefix(request_.directory.size())
                                          : after.remove_prefix(after.size());
    const NameTable& names = directory->directory->children;
    if (request_.below) {
      found_.total = count_below(names);
      take_below(names, after);
    } else {
      found_.total = names.size();
      take(names, request_.directory, name_of(after.substr(0, after.find('/'))));
    }
    return std::move(found_);
  }

 private:
  static const Inode* directory_in(NameTable::Slot slot) {
    // A directory that is a record alone has no names that are known.
    if (!slot || slot.node() == nullptr || slot.type() != FileType::directory) return nullptr;
    return static_cast<const Inode*>(slot.node());
  }

  std::string name_of(std::string_view component) const {
    if (component.empty()) return {};
    return core_.tree.keys.name_of(component).value_or(std::string());
  }

  const Inode* find(const Inode& root) const {
    std::string_view rest = request_.directory;
    if (!rest.starts_with(core_.own.prefix)) return nullptr;
    rest.remove_prefix(core_.own.prefix.size());
    const Inode* at = &root;
    while (at != nullptr && !rest.empty()) {
      const size_t slash = rest.find('/');
      at = directory_in(at->directory->children.find(name_of(rest.substr(0, slash))));
      rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    }
    return at;
  }

  /// Of more directories than may be looked at the others are taken to be like the first ones.
  static uint64_t count_below(const NameTable& names) {
    uint64_t seen = 0;
    uint64_t sum = 0;
    names.each([&](NameTable::Slot slot) {
      if (const Inode* const directory = directory_in(slot))
        sum += directory->directory->children.size();
      return ++seen < most_names_looked_at;
    });
    return seen == names.size() ? sum : sum / seen * names.size();
  }

  void take_below(const NameTable& names, std::string_view after) {
    const size_t slash = after.find('/');
    const std::string first = name_of(after.substr(0, slash));
    const Inode* const begun = first.empty() ? nullptr : directory_in(names.find(first));
    if (begun != nullptr && slash != std::string_view::npos) {
      take(begun->directory->children, request_.directory + std::string(after.substr(0, slash + 1)),
           name_of(after.substr(slash + 1)));
    }
    if (!found_.end) return;
    names.visit(first, [&](NameTable::Slot slot) {
      const std::string key = request_.directory + core_.tree.keys.component_of(slot.name());
      if (const Inode* const directory = directory_in(slot))
        take(directory->directory->children, key + "/", {});
      if (found_.end && ++looked_at_ >= most_names_looked_at) stop_at(key);
      return found_.end;
    });
  }

  void take(const NameTable& names, const std::string& directory, const std::string& after) {
    std::string_view last = after;
    names.visit(after, [&](NameTable::Slot slot) {
      if (found_.files.size() >= request_.most || looked_at_ >= most_names_looked_at) {
        stop_at(directory + (last.empty() ? "" : core_.tree.keys.component_of(last)));
        return false;
      }
      ++looked_at_;
      last = slot.name();
      std::optional<ObjectVersion> version = version_of(slot);
      if (!version || !can_be_fetched(*version, request_.largest)) return true;
      version->key = directory + core_.tree.keys.component_of(last);
      found_.files.push_back(*std::move(version));
      return true;
    });
  }

  void stop_at(std::string reached) {
    found_.end = false;
    found_.reached = std::move(reached);
  }

  /// Nothing where it is no object that can be read at once.
  static std::optional<ObjectVersion> version_of(NameTable::Slot slot) {
    if (slot.type() != FileType::file) return std::nullopt;
    if (const NameRecord* const record = slot.record()) {
      if (record->archive != NameRecord::Archive::no) return std::nullopt;
      return ObjectVersion{.key = {}, .etag = record->etag(), .size = record->size};
    }
    return stored_version_of(*static_cast<const Inode*>(slot.node()));
  }

  const FsCore& core_;
  const KnownFilesRequest& request_;
  KnownFiles found_;
  size_t looked_at_ = 0;
};

}  // namespace

std::optional<ObjectVersion> find_known_version(FsCore& core, InodeId inode) {
  const MutexLock lock(core.tree.mutex);
  const InodePtr found = core.tree.find(inode);
  if (found == nullptr || found->type != FileType::file) return std::nullopt;
  std::optional<ObjectVersion> version = stored_version_of(*found);
  Result<std::string> key = core.tree.key_of(*found);
  if (!version || !key) return std::nullopt;
  version->key = *std::move(key);
  return version;
}

KnownFiles find_known_files(FsCore& core, const KnownFilesRequest& request) {
  const MutexLock lock(core.tree.mutex);
  return KnownFilesWalk(core, request).run(*core.tree.root());
}

}  // namespace penstock
