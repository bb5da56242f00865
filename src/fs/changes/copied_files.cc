// SPDX-License-Identifier: Apache-2.0
#include "fs/changes/copied_files.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/wall_clock.h"

namespace penstock {
namespace {

/// A file's time may be that of its rename where it was written this shortly before.
constexpr int64_t time_tolerance_ns = 2'000'000'000;

}  // namespace

StoredAttributes attributes_of_copy(const FsCore& core, const Inode& inode, const Inode& directory,
                                    const std::string& name) {
  StoredAttributes stored = inode.stored;
  if (stored.any() || wall_clock_ns() - inode.mtime_ns > time_tolerance_ns)
    stored.mtime_ns = inode.mtime_ns;
  if (inode.type == FileType::file) core.tree.set_headers(stored, directory, name);
  return stored;
}

std::vector<InodePtr> files_below(FsCore& core, const InodePtr& above) {
  std::vector<InodePtr> found;
  std::vector<InodePtr> look{above};
  while (!look.empty()) {
    InodePtr inode = std::move(look.back());
    look.pop_back();
    if (inode->directory != nullptr) {
      core.tree.each_inode(*inode, [&look](const InodePtr& child) { look.push_back(child); });
    } else {
      found.push_back(std::move(inode));
    }
  }
  return found;
}

void note_copy(FsCore& core, const InodePtr& above, const std::string& relative,
               const CopiedObject& copied, CopiedFiles& files) {
  const MutexLock lock(core.tree.mutex);
  InodePtr at = above;
  for (size_t start = 0;
       at != nullptr && at->type == FileType::directory && start < relative.size();) {
    const size_t slash = std::min(relative.find('/', start), relative.size());
    const auto name = core.tree.keys.name_of(relative.substr(start, slash - start));
    at = name ? core.tree.child(*at, *name) : nullptr;
    start = slash + 1;
  }
  if (at != nullptr && at->type == FileType::file)
    files.push_back({at, copied.source, copied.copy.etag});
}

std::shared_ptr<FileWriter> follow_copy(FsCore& core, Inode& inode, const ETag& etag) {
  inode.etag = etag;
  inode.modified_s = 0;
  inode.reader.reset();
  ++inode.local_version;
  // What was written meanwhile, by who had passed the check for that before, belongs to an object
  // that is gone; the close that cannot store it says so. A write that is under way has this
  // writer.
  if (inode.writer() == nullptr || inode.writer()->dirty() || inode.claims.in_use()) return nullptr;
  // Open for writing: it goes on as an edit of the object at its new key.
  const Result<std::string> key = core.tree.key_of(inode);
  if (!key) return nullptr;
  const Metadata metadata = to_metadata(inode.stored, FileType::file);
  ObjectInfo base{.key = *key, .size = inode.size, .etag = etag, .metadata = metadata};
  return inode.set_writer(
      core.parts.writes.open({.key = *key}, WriteBase{std::move(base)}, metadata));
}

OldWriters follow_copies(FsCore& core, const CopiedFiles& files) {
  OldWriters old;
  for (const CopiedFile& each : files) {
    if (!each.file->named()) continue;
    if (tell_apart(each.file->etag, each.source)) {
      core.tree.lose(each.file);
    } else {
      old.push_back(follow_copy(core, *each.file, each.copy));
    }
  }
  return old;
}

void lose_uncopied(FsCore& core, const InodePtr& above, const CopiedFiles& files) {
  std::unordered_set<InodeId> copied;
  for (const CopiedFile& each : files) copied.insert(each.file->id);
  for (const InodePtr& file : files_below(core, above)) {
    if (file->writer() != nullptr && !copied.contains(file->id)) core.tree.lose(file);
  }
}

void forget_markers(FsCore& core, const InodePtr& above) {
  std::vector<InodePtr> look{above};
  while (!look.empty()) {
    const InodePtr inode = std::move(look.back());
    look.pop_back();
    if (inode->directory == nullptr) continue;
    inode->etag.clear();
    inode->directory->children.each([&](NameTable::Slot slot) REQUIRES(core.tree.mutex) {
      if (slot.node() != nullptr) {
        look.push_back(core.tree.inode_of(*inode, slot));
      } else if (slot.type() == FileType::directory) {
        slot.record()->set_etag("");
      }
      return true;
    });
  }
}

void abandon(FsCore& core, std::shared_ptr<FileWriter> writer) {
  if (writer == nullptr) return;
  FileWriter& abandoned = *writer;
  abandoned.abandon([pass = core.gate.pass(), writer = std::move(writer)] {});
}

void abandon(FsCore& core, OldWriters writers) {
  for (std::shared_ptr<FileWriter>& writer : writers) abandon(core, std::move(writer));
}

}  // namespace penstock
