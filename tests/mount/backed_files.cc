// SPDX-License-Identifier: Apache-2.0
#include "mount/backed_files.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "mount/mounted_bucket.h"
#include "support/plain_backing_file.h"

namespace penstock::test {

void BackedFiles::put(const std::string& name, const std::string& bytes, bool backed) {
  Version version{.bytes = bytes, .backing = {}};
  if (backed) {
    const std::lock_guard lock(mutex_);
    version.backing = folder_ / (name + "." + std::to_string(next_++));
  }
  if (backed) write_file(version.backing, bytes);
  put(name, std::move(version));
}

void BackedFiles::put_badly_backed(const std::string& name, const std::string& bytes) {
  put(name, Version{.bytes = bytes, .backing = folder_});
}

void BackedFiles::put(const std::string& name, Version version) {
  const std::lock_guard lock(mutex_);
  File& file = files_[name];
  if (file.inode == 0) file.inode = next_++;
  if (!version.backing.empty()) file.last_backing = version.backing;
  file.version = std::make_shared<Version>(std::move(version));
}

std::string BackedFiles::bytes(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return files_.at(name).version->bytes;
}

std::filesystem::path BackedFiles::backing_path(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return files_.at(name).last_backing;
}

uint64_t BackedFiles::open_handles() {
  const std::lock_guard lock(mutex_);
  return handles_.size();
}

BackedFiles::File* BackedFiles::find(InodeId inode) {
  for (auto& [name, file] : files_) {
    if (file.inode == inode) return &file;
  }
  return nullptr;
}

Attributes BackedFiles::attributes_of(const File& file) {
  return {.inode = file.inode,
          .size = file.version->bytes.size(),
          .mode = 0755,
          .ttl = std::chrono::hours(1)};
}

BackedFiles::Version& BackedFiles::writable(File& file) {
  if (!file.version->backing.empty())
    file.version = std::make_shared<Version>(Version{.bytes = file.version->bytes, .backing = {}});
  return *file.version;
}

void BackedFiles::lookup(InodeId, std::string name, Done<Entry> done) {
  std::unique_lock lock(mutex_);
  const auto found = files_.find(name);
  Result<Entry> result(Error(Code::not_found, name));
  // Believed for long: what the kernel must learn earlier, an open has to tell it.
  if (found != files_.end())
    result = Entry{.attributes = attributes_of(found->second), .ttl = std::chrono::hours(1)};
  lock.unlock();
  done(std::move(result));
}

void BackedFiles::getattr(InodeId inode, Done<Attributes> done) {
  std::unique_lock lock(mutex_);
  Attributes attributes{.inode = root_inode, .type = FileType::directory, .mode = 0755};
  if (const File* file = find(inode)) attributes = attributes_of(*file);
  lock.unlock();
  done(attributes);
}

void BackedFiles::setattr(InodeId inode, AttributeChange change, Done<Attributes> done) {
  {
    const std::lock_guard lock(mutex_);
    File* file = find(inode);
    if (file != nullptr && change.size) writable(*file).bytes.resize(*change.size);
  }
  getattr(inode, std::move(done));
}

void BackedFiles::open(InodeId inode, OpenFlags flags, Done<Opened> done) {
  std::unique_lock lock(mutex_);
  File& file = *find(inode);
  Opened opened{.handle = next_++};
  Handle& handle = handles_[opened.handle];
  handle.file = &file;
  if (flags.truncate) writable(file).bytes.clear();
  if (!flags.write) {
    handle.version = file.version;
    // Every open with a descriptor of its own, as after an eviction.
    if (!handle.version->backing.empty())
      opened.backing = std::make_shared<const PlainBackingFile>(
          ::open(handle.version->backing.c_str(), O_RDONLY | O_CLOEXEC));
  }
  lock.unlock();
  done(std::move(opened));
}

void BackedFiles::read(HandleId handle, ByteRange range, std::stop_token, Done<Slices> done) {
  ++reads_;
  auto bytes = std::make_shared<std::string>();
  {
    const std::lock_guard lock(mutex_);
    const Handle& opened = handles_.at(handle);
    const std::string& all =
        (opened.version != nullptr ? opened.version : opened.file->version)->bytes;
    if (range.offset < all.size()) *bytes = all.substr(range.offset, range.length);
  }
  Slices slices;
  slices.spans.push_back(std::as_bytes(std::span(*bytes)));
  slices.owners.push_back(std::move(bytes));
  done(std::move(slices));
}

void BackedFiles::write(HandleId handle, WriteAt at, std::span<const std::byte> data,
                        Done<void> done) {
  const uint64_t offset = at.offset;
  {
    const std::lock_guard lock(mutex_);
    std::string& all = writable(*handles_.at(handle).file).bytes;
    all.resize(std::max<size_t>(all.size(), offset + data.size()));
    std::copy_n(reinterpret_cast<const char*>(data.data()), data.size(),
                all.begin() + static_cast<ptrdiff_t>(offset));
  }
  done({});
}

void BackedFiles::release(HandleId handle) {
  const std::lock_guard lock(mutex_);
  handles_.erase(handle);
}

}  // namespace penstock::test
