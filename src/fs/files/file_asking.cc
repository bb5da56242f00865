// SPDX-License-Identifier: Apache-2.0
// FileOperations: opens that ask the store whether it still has what is known.
#include <utility>

#include "fs/files/file_operations.h"

namespace penstock {
namespace {

/// An open for reading asks the store again about what was heard of longer ago.
constexpr std::chrono::seconds long_ago{1};

}  // namespace

void FileOperations::ask_to_open(const InodePtr& inode, OpenFlags flags, Done<void> done) {
  std::shared_ptr<ObjectReader> reader;
  {
    const MutexLock lock(core_.tree.mutex);
    const bool stored = inode->named() && inode->writer() == nullptr && !inode->local_only;
    // Where the kernel may have all of it, a GET would fetch it for nobody.
    const bool reads = !flags.write && inode->size > 0 && inode->cached_pages != inode->etag &&
                       inode->archive == Inode::Archive::no;
    if (core_.tree.freshness.asks_at_open() && stored && reads) {
      auto present = FileReads::present_reader(core_, inode);
      if (present) reader = std::move(*present);
    }
  }
  if (reader == nullptr) return resolver_.refresh_to_open(inode, std::move(done));
  ObjectReader& asking = *reader;
  // What it fetches is there for the handle, which gets the same reader.
  asking.begin(core_.tracked<bool>([this, inode, reader = std::move(reader),
                                    done = std::move(done)](const Result<bool>& asked) mutable {
    if (asked && *asked) return done({});
    // Nothing was asked; or another version is there, which may be this mount's own, of a rename
    // under way: a HEAD tells.
    if (asked || asked.code() == Code::changed)
      return resolver_.refresh_to_open(inode, std::move(done));
    done(asked.error());
  }));
}

void FileOperations::ask_first(const InodePtr& inode, ObjectReader& reader, Opened opened,
                               Done<Opened> done) {
  Result<std::string> key = Error(Code::changed);
  {
    const MutexLock lock(core_.tree.mutex);
    const bool heard_lately = core_.parts.scheduler.now() - inode->told.at < long_ago;
    // What the kernel has may be all that is read.
    const bool archived = inode->archive == Inode::Archive::yes;
    if (inode->named() && !heard_lately && !opened.keep_page_cache && !archived)
      key = core_.tree.key_of(*inode);
  }
  if (!key) return done(std::move(opened));
  reader.begin(core_.tracked<bool>([this, key = std::move(*key), opened = std::move(opened),
                                    done = std::move(done)](const Result<bool>& asked) mutable {
    // Any other failure is the read's to tell.
    if (asked || asked.code() != Code::changed) return done(std::move(opened));
    release(reinterpret_cast<FileHandle*>(opened.handle));
    core_.look_anew(key);
    done(asked.error());
  }));
}

}  // namespace penstock
