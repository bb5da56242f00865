// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/inode_record.h"

#include <limits>

#include "base/wall_clock.h"

namespace penstock {
namespace {

bool busy(const Inode& inode) {
  const bool used = inode.handles > 0 || inode.writer() != nullptr ||
                    inode.references > std::numeric_limits<uint32_t>::max();
  const bool changing = inode.claims.in_use() || inode.claims.leaving() ||
                        inode.commits_running > 0 || inode.local_only || inode.stored_dirty ||
                        inode.retry_planned;
  const bool awaited = inode.attribute_waiters != nullptr || !inode.after_commits.empty();
  return used || changing || awaited || !inode.kept_key.empty() || !inode.reader.expired();
}

/// Of a file nothing but what its object's listing says.
bool as_listed(const Inode& file) {
  return file.mtime_ns == file.ctime_ns && file.modified_s == file.mtime_ns / ns_per_second &&
         (file.modified_told || file.modified_s == 0);
}

bool needs_rest(const Inode& inode, int64_t mounted_at_ns) {
  if (inode.stored != StoredAttributes() || inode.number != 0 || !inode.link_target.empty())
    return true;
  if (inode.directory == nullptr) return !as_listed(inode);
  return inode.mtime_ns != mounted_at_ns || inode.ctime_ns != mounted_at_ns ||
         inode.modified_s != 0;
}

}  // namespace

bool DirectoryState::pristine() const {
  const bool told = complete || own || made_here || spans_pages || !page.to.empty() ||
                    !page.from.empty() || !last_missed.empty() || !absent.empty() ||
                    !taken.empty() || carried != Carried::unknown;
  const bool read = listing != nullptr || begun != nullptr || partial_listings > 0 ||
                    tree_walks > 0 || sampling > 0 || !sample_waiters.empty() ||
                    !last_asked.empty() || !last_opened.empty();
  const bool written = !changed.empty() || marker_writing || marker_owed ||
                       !marker_waiters.empty() || noting_carried;
  return children.empty() && !told && !read && !written;
}

bool fits_record(const Inode& inode) {
  if (!inode.named() || busy(inode)) return false;
  if (!inode.cached_pages.empty() && inode.cached_pages != inode.etag) return false;
  return inode.directory == nullptr || inode.directory->pristine();
}

NameRecord::Ptr to_record(const Inode& inode, int64_t mounted_at_ns) {
  NameRecord::Ptr record = NameRecord::make(inode.name, inode.type, inode.id);
  record->size = inode.size;
  record->set_etag(inode.etag);
  record->told = inode.told;
  record->stored_known = inode.stored_known;
  record->unseen = inode.unseen;
  record->references = static_cast<uint32_t>(inode.references);
  record->shown_as = inode.shown_as;
  record->pages_cached = !inode.cached_pages.empty();
  record->archive = inode.archive;
  record->modified_ns = inode.mtime_ns;
  if (inode.directory != nullptr) {
    record->has_marker = inode.directory->has_marker;
    record->modified_ns = inode.directory->oldest_ns;
  }
  if (!needs_rest(inode, mounted_at_ns)) return record;
  NameRecord::Rest& rest = record->need_rest();
  rest.stored = inode.stored;
  rest.mtime_ns = inode.mtime_ns;
  rest.ctime_ns = inode.ctime_ns;
  rest.modified_s = inode.modified_s;
  rest.modified_told = inode.modified_told;
  rest.number = inode.number;
  rest.link_target = inode.link_target;
  rest.times = true;
  return record;
}

void take_record(Inode& inode, const NameRecord& record) {
  inode.size = record.size;
  inode.etag = record.etag();
  inode.told = record.told;
  inode.stored_known = record.stored_known;
  inode.unseen = record.unseen;
  inode.references = record.references;
  inode.shown_as = record.shown_as;
  if (record.pages_cached) inode.cached_pages = inode.etag;
  inode.archive = record.archive;
  if (inode.directory != nullptr) {
    inode.directory->has_marker = record.has_marker;
    inode.directory->oldest_ns = record.modified_ns;
  } else {
    inode.mtime_ns = inode.ctime_ns = record.modified_ns;
    inode.modified_s = record.modified_ns / ns_per_second;
    inode.modified_told = inode.modified_s != 0;
  }
  if (record.rest == nullptr || !record.rest->times) return;
  const NameRecord::Rest& rest = *record.rest;
  inode.stored = rest.stored;
  inode.mtime_ns = rest.mtime_ns;
  inode.ctime_ns = rest.ctime_ns;
  inode.modified_s = rest.modified_s;
  inode.modified_told = rest.modified_told;
  inode.number = rest.number;
  inode.link_target = rest.link_target;
}

void learn_listed(NameRecord& record, const ObjectInfo& info, const Told& told) {
  const bool other = !record.is_version(info.etag, info.size);
  const bool changed = info.last_modified_ns != 0 &&
                       info.last_modified_ns / ns_per_second != record.modified_ns / ns_per_second;
  record.told = told;
  record.archive = archive_of(info);
  if (other) {
    record.size = info.size;
    record.set_etag(info.etag);
  }
  if (!other && !changed && record.stored_known) return;
  record.modified_ns = info.last_modified_ns;
  record.stored_known = false;
}

NameRecord::Archive archive_of(const ObjectInfo& info) {
  using enum NameRecord::Archive;
  // A HEAD or a GET says what there is to say.
  if (info.metadata) return is_archived(info) ? yes : no;
  if (is_archive_class(info.storage_class)) return yes;
  return is_tiering_class(info.storage_class) ? unknown : no;
}

}  // namespace penstock
