// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/directory_reads.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

constexpr uint64_t longest_link_target = 4095;  ///< Bytes: PATH_MAX without its zero byte.
constexpr uint64_t first_entry_cookie = 2;      ///< "." and ".." come before.
constexpr InodeId unknown_inode = 0xffffffff;   ///< Of a name whose inode was dropped.

/// An open directory. The listing is guarded by Tree::mutex.
struct DirectoryHandle {
  InodePtr inode;
  std::shared_ptr<Listing> listing;  ///< The walk since the last read from the start.
};

DirectoryHandle* handle_of(HandleId id) { return reinterpret_cast<DirectoryHandle*>(id); }

uint64_t object_size(NameTable::Slot slot) {
  return slot.node() != nullptr ? inode_at(slot).size : slot.record()->size;
}

/// Of a name that is not known any more: it exists, and who wants to know more looks it up.
DirectoryEntry dropped_entry(std::string_view name, FileType type, uint64_t next_cookie) {
  DirectoryEntry entry{.name = std::string(name), .next_cookie = next_cookie, .attributes = {}};
  entry.attributes.inode = unknown_inode;
  entry.attributes.type = type;
  entry.attributes.type_known = type == FileType::directory;
  return entry;
}

}  // namespace

HandleId DirectoryReads::open(const InodePtr& directory) {
  auto handle = std::make_unique<DirectoryHandle>();
  handle->inode = directory;
  {
    const MutexLock lock(core_.tree.mutex);
    ++directory->handles;
  }
  ahead_.note_opened(directory);
  return reinterpret_cast<HandleId>(handle.release());
}

void DirectoryReads::read(const ReadDirectory& request, Done<std::vector<DirectoryEntry>> done) {
  DirectoryHandle& handle = *handle_of(request.handle);
  std::shared_ptr<Listing> listing;
  {
    const MutexLock lock(core_.tree.mutex);
    if (request.cookie != 0) listing = handle.listing;
  }
  if (listing == nullptr) {
    listing = loader_.open(handle.inode);
    std::shared_ptr<Listing> before = listing;
    {
      const MutexLock lock(core_.tree.mutex);
      before.swap(handle.listing);
    }
    if (before != nullptr) loader_.close(handle.inode, before);
  }
  const size_t index =
      request.cookie < first_entry_cookie ? 0 : request.cookie - first_entry_cookie;
  fill_when(index, {request, handle.inode, std::move(listing), std::move(done)});
}

void DirectoryReads::release(HandleId id) {
  const std::unique_ptr<DirectoryHandle> handle(handle_of(id));
  if (handle->listing != nullptr) loader_.close(handle->inode, handle->listing);
  const MutexLock lock(core_.tree.mutex);
  --handle->inode->handles;
  (void)core_.tree.forget(handle->inode->id, 0);
}

void DirectoryReads::fill_when(size_t index, Read read) {
  const InodePtr directory = read.directory;
  const std::shared_ptr<Listing> listing = read.listing;
  loader_.wait(directory, listing, index,
               [this, pass = core_.gate.pass(), read = std::move(read)]() mutable {
                 const InodePtr sampled = read.request.plus ? read.directory : nullptr;
                 auto go_on = [this, pass = core_.gate.pass(), read = std::move(read)]() mutable {
                   fill(std::move(read));
                 };
                 // Names with attributes go to the kernel at once where it is known that none are
                 // missing.
                 if (sampled == nullptr) return go_on();
                 attributes_.when_sampled(sampled, std::move(go_on));
               });
}

DirectoryEntry DirectoryReads::dot_entry(const InodePtr& directory, uint64_t cookie) const {
  const InodePtr inode = cookie == 0 || !directory->named() ? directory : directory->parent;
  return {.name = cookie == 0 ? "." : "..",
          .next_cookie = cookie + 1,
          .attributes = core_.tree.attributes(*inode)};
}

DirectoryEntry DirectoryReads::known_entry(const Inode& directory, NameTable::Slot slot,
                                           uint64_t next_cookie, bool plus) {
  const bool settled = slot.node() != nullptr ? attributes_.settled(inode_at(slot))
                                              : attributes_.settled(directory, *slot.record());
  DirectoryEntry entry{
      .name = std::string(slot.name()), .next_cookie = next_cookie, .attributes = {}};
  if (plus && settled) {
    const InodePtr inode = core_.tree.inode_of(directory, slot);
    entry.ttl = core_.tree.left(*inode);
    entry.attributes = core_.tree.show(*inode);
    entry.attributes.type_known = true;
    Tree::give_reference(*inode);
    entry.referenced = true;
    return entry;
  }
  entry.attributes = slot.node() != nullptr ? core_.tree.attributes(inode_at(slot))
                                            : core_.tree.attributes(*slot.record());
  // A symbolic link is short, and what has no contents is empty: others are regular files.
  entry.attributes.type_known =
      settled || slot.type() == FileType::directory || object_size(slot) > longest_link_target;
  return entry;
}

void DirectoryReads::take_names(const Read& read, std::vector<DirectoryEntry>& entries) {
  const Listing& listing = *read.listing;
  const Inode& directory = *read.directory;
  const bool has_place = directory.named() || directory.binding == Binding::root;
  uint64_t cookie = read.request.cookie;
  for (; cookie < first_entry_cookie; ++cookie)
    entries.push_back(dot_entry(read.directory, cookie));
  for (size_t i = cookie - first_entry_cookie; i < listing.entries.size(); ++i) {
    if (entries.size() >= read.request.max_entries) break;
    const std::string_view name = listing.entries.name(i);
    const uint64_t next_cookie = i + 1 + first_entry_cookie;
    // What has the name by now: since the walk came by it may have been replaced. What is not known
    // any more and has not gone was dropped for the number of names; of a directory that has gone
    // itself nothing is left.
    const NameTable::Slot slot = directory.directory->children.find(name);
    if (slot) {
      entries.push_back(known_entry(directory, slot, next_cookie, read.request.plus));
    } else if (has_place && !listing.entries.gone(i)) {
      entries.push_back(dropped_entry(name, listing.entries.type(i), next_cookie));
    }
  }
}

void DirectoryReads::fill(Read read) {
  std::vector<DirectoryEntry> entries;
  std::optional<Error> error;
  size_t known = 0;
  bool more = false;
  {
    const MutexLock lock(core_.tree.mutex);
    error = read.listing->error;
    known = read.listing->entries.size();
    more = !read.listing->done;
    take_names(read, entries);
  }
  // Everything known here was deleted meanwhile: an empty answer would mean the end.
  if (entries.empty() && more) return fill_when(known, std::move(read));
  // What was listed before a failure is given out first: the error comes where the names end.
  const bool only_dots = std::all_of(entries.begin(), entries.end(), [](const DirectoryEntry& e) {
    return e.next_cookie <= first_entry_cookie;
  });
  if (error && only_dots) return read.done(*error);
  read.done(std::move(entries));
}

}  // namespace penstock
