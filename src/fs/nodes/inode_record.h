// SPDX-License-Identifier: Apache-2.0
// The two forms of what is known of a name: an Inode while a program has it open or something of it
// is under way, else a NameRecord.
// Which has it says Tree; under Tree::mutex.
#pragma once

#include "fs/nodes/inode.h"

namespace penstock {

/// What has a name, where that is known to be an inode.
inline Inode& inode_at(NameTable::Slot slot) { return static_cast<Inode&>(*slot.node()); }
/// Of either form.
inline Told& told_of(NameTable::Slot slot) {
  return slot.node() != nullptr ? inode_at(slot).told : slot.record()->told;
}
inline uint64_t references_of(NameTable::Slot slot) {
  return slot.node() != nullptr ? inode_at(slot).references : slot.record()->references;
}
inline ETag etag_of(NameTable::Slot slot) {
  return slot.node() != nullptr ? inode_at(slot).etag : slot.record()->etag();
}
/// DirectoryState::oldest_ns of either form of a directory.
inline int64_t oldest_below(NameTable::Slot slot) {
  return slot.node() != nullptr ? inode_at(slot).directory->oldest_ns : slot.record()->modified_ns;
}

/// Whether a record can hold all that the inode has: it is named, and no program uses it or waits
/// for something of it. Who has a pointer to it, this does not see.
bool fits_record(const Inode& inode);

/// What the inode has; `mounted_at_ns` is the time of directories of which no other is known.
NameRecord::Ptr to_record(const Inode& inode, int64_t mounted_at_ns);

/// The inverse, into an inode of the record's number and type that has nothing yet but the times of
/// such a directory.
void take_record(Inode& inode, const NameRecord& record);

/// What a listing tells of the object whose name the record is of: one without `rest`.
void learn_listed(NameRecord& record, const ObjectInfo& info, const Told& told);

/// By what a listing or an answer tells.
NameRecord::Archive archive_of(const ObjectInfo& info);

}  // namespace penstock
