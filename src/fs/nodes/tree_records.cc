// SPDX-License-Identifier: Apache-2.0
// Names that nobody holds: records instead of inodes, and how the one becomes the other.
#include <algorithm>
#include <limits>
#include <utility>

#include "fs/nodes/inode_record.h"
#include "fs/nodes/tree.h"

namespace penstock {
namespace {

/// What an inode takes beside its name: itself with the counts of its pointers, its place in the
/// map of all (libstdc++: a node of three words, and a bucket), and a longer name's memory.
constexpr uint64_t inode_bytes = allocated(sizeof(Inode) + 16) + allocated(32) + 8 + 32;

/// A record's place in the map of those that the kernel refers to.
constexpr uint64_t held_bytes = allocated(32) + 8;

/// How many inodes may stay what they are beside those in use: a thousandth of the memory, and no
/// more than are worth their while.
constexpr uint64_t most_recent = 1000;
constexpr uint64_t memory_per_recent = 1ULL << 20;
/// How many are looked at for each inode that is made: more than one, so that they grow fewer.
constexpr int looked_at_once = 2;

}  // namespace

InodePtr Tree::by_number(InodeId id) const {
  const auto found = inodes_.find(id);
  return found == inodes_.end() ? nullptr : found->second;
}

InodePtr Tree::find(InodeId id) {
  const auto held = held_.find(id);
  if (held == held_.end()) return by_number(id);
  const Held record = held->second;
  return inode_of(*by_number(record.directory), NameTable::Slot(record.record));
}

uint64_t Tree::bytes() const {
  // A slot of the table of names: 8 bytes, in nodes that are filled by three quarters.
  constexpr uint64_t slot_bytes = 11;
  return record_bytes_ + names_ * slot_bytes + inodes_.size() * inode_bytes +
         by_use_.size() * allocated(sizeof(DirectoryState)) + held_.size() * held_bytes;
}

void Tree::check_bound() {
  if (!crowded_ || bytes() <= crowded_at_) return;
  crowded_at_ = std::numeric_limits<uint64_t>::max();  // until that has been done
  crowded_();
}

InodePtr Tree::child(const Inode& directory, std::string_view name) {
  return inode_of(directory, directory.directory->children.find(name));
}

InodePtr Tree::inode_of(const Inode& directory, NameTable::Slot slot) {
  if (!slot) return nullptr;
  const NameRecord* record = slot.record();
  if (record == nullptr) return by_number(slot.id());
  if (record->references > 0) held_.erase(record->id());
  InodePtr inode = make(record->type(), record->id());
  inode->parent = by_number(directory.id);
  inode->name = record->name();
  take_record(*inode, *record);
  directory.directory->children.replace(*inode);
  return inode;
}

void Tree::each_inode(const Inode& directory, const std::function<void(const InodePtr&)>& visit) {
  const NameTable& names = directory.directory->children;
  if (names.nodes() == 0) return;
  names.each([&](NameTable::Slot slot) REQUIRES(mutex) {
    if (slot.node() != nullptr) visit(by_number(slot.id()));
    return true;
  });
}

bool Tree::fold(const InodePtr& inode) {
  // The caller's, and the map's of all inodes.
  constexpr long pointers = 2;
  if (inode.use_count() != pointers || !fits_record(*inode)) return false;
  NameRecord::Ptr record = to_record(*inode, mounted_at_ns_);
  if (record->references > 0)
    held_[inode->id] = {.record = record.get(), .directory = inode->parent->id};
  inode->parent->directory->children.replace(std::move(record));
  inode->parent.reset();
  erase(*inode);
  return true;
}

void Tree::fold_oldest() {
  const uint64_t most = std::min(most_recent, metadata_.memory / memory_per_recent);
  for (int i = 0; i < looked_at_once && recent_.size() > most; ++i) {
    const InodeId id = recent_.front();
    recent_.pop_front();
    const InodePtr inode = by_number(id);
    if (inode != nullptr && !fold(inode)) recent_.push_back(id);
  }
}

void Tree::displace(const Inode& directory, const std::string& name, Binding how) {
  const NameTable::Slot slot = directory.directory->children.find(name);
  if (!slot) return;
  if (slot.node() != nullptr || references_of(slot) > 0)
    return detach(inode_of(directory, slot), how);
  directory.directory->children.erase(name);
  directory.directory->left(name);
}

NameRecord& Tree::add_record(const InodePtr& directory, const std::string& name, FileType type) {
  DirectoryState& state = *directory->directory;
  state.children.insert(NameRecord::make(name, type, next_id_++));
  state.returned(name);
  state.absent.erase(name);
  state.taken.erase(name);
  check_bound();
  return *state.children.find(name).record();
}

void Tree::learn_listed_file(const InodePtr& directory, const std::string& name,
                             const ObjectInfo& info, Scheduler::Time asked) {
  NameTable& names = directory->directory->children;
  const NameTable::Slot slot = names.find(name);
  NameRecord* record = slot ? slot.record() : &add_record(directory, name, FileType::file);
  // What the kernel refers to is one version for good.
  const bool listed_only = record != nullptr && record->type() == FileType::file &&
                           (record->rest == nullptr || !record->rest->times) &&
                           (record->references == 0 || record->is_version(info.etag, info.size));
  if (!listed_only) {
    const InodePtr inode = learn_file(directory, name, info, asked);
    if (inode != nullptr) fold(inode);
    return;
  }
  const Told told = told_of(info.last_modified_ns, asked);
  names.change(*record, [&](NameRecord& known) { learn_listed(known, info, told); });
}

FileType Tree::learn_listed_directory(const InodePtr& directory, const std::string& name,
                                      Scheduler::Time asked) {
  const NameTable::Slot slot = directory->directory->children.find(name);
  NameRecord* record = slot ? slot.record() : &add_record(directory, name, FileType::directory);
  const bool listed_only =
      record != nullptr && record->type() == FileType::directory && record->rest == nullptr;
  if (listed_only) {
    record->told = told_of(record->modified_ns, asked);
    return FileType::directory;
  }
  const InodePtr inode = learn_directory(directory, name, asked);
  const FileType type = inode->type;
  fold(inode);
  return type;
}

Attributes Tree::attributes(const NameRecord& record) const {
  Attributes result;
  result.inode = record.id();
  result.type = record.type();
  result.size = record.size;
  result.mtime_ns = result.ctime_ns = result.atime_ns = record.modified_ns;
  if (record.rest != nullptr && record.rest->times) {
    result.number = record.rest->number;
    result.type = record.rest->stored.type.value_or(record.type());
  }
  return result;
}

}  // namespace penstock
