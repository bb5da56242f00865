// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "simulation/kernel.h"

namespace penstock::sim {
namespace {

constexpr uint64_t page_size = 4096;

fuse_file_info info_of(const OpenFile& file) {
  fuse_file_info info{};
  info.flags = file.flags;
  info.fh = file.handle;
  return info;
}

}  // namespace

int Kernel::open_node(Process& process, const KNodePtr& node, int flags, OpenFilePtr& out) {
  if (node->link()) return ELOOP;
  if (node->directory() && (flags & O_DIRECTORY) == 0) return EISDIR;
  if (!node->directory() && (flags & O_DIRECTORY) != 0) return ENOTDIR;
  if (const int error = permission(process, node)) return error;
  auto file = std::make_shared<OpenFile>();
  file->number = ++files_;
  file->node = node;
  file->directory = node->directory();
  file->flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY);
  ++node->users;
  fuse_file_info asked{};
  asked.flags = flags & ~(O_CREAT | O_EXCL | O_DIRECTORY);
  const bool truncates = (flags & O_TRUNC) != 0;
  std::optional<FiberGuard> guard;
  std::optional<FiberGuard> no_page_writes;
  if (truncates) guard.emplace(node->lock);
  if (truncates) no_page_writes.emplace(node->page_writes);
  Send send = [this, id = node->id, asked, directory = file->directory](fuse_req* r) mutable {
    directory ? operations_.opendir(r, id, &asked) : operations_.open(r, id, &asked);
  };
  const char* name = file->directory ? "opendir" : "open";
  const Answer answer =
      file->writes() || truncates
          ? locked_request(process, name, {path_of(*node)}, false, std::move(send))
          : request(&process, name, path_of(*node), std::move(send));
  if (answer.error != 0) {
    no_page_writes.reset();
    guard.reset();
    unuse(node);
    return answer.error;
  }
  file->handle = answer.file.fh;
  file->direct = answer.file.direct_io != 0;
  file->noflush = answer.file.noflush != 0;
  if (truncates) {
    node->attributes_version = ++attribute_version_;
    node->attributes.st_size = 0;
    invalid(*node);
    cut_pages(*node, 0);
  } else if (!file->directory && answer.file.keep_cache == 0) {
    write_dirty(*node);
    drop_pages(*node, 0, UINT64_MAX);
  }
  file->descriptors = 1;
  out = file;
  return 0;
}

int Kernel::create(Process& process, const Found& where, int flags, OpenFilePtr& out) {
  auto file = std::make_shared<OpenFile>();
  file->number = ++files_;
  file->flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC);
  fuse_file_info asked{};
  asked.flags = flags;
  const Answer answer = locked_request(
      process, "create", {path_of(*where.directory, where.name)}, false,
      [this, parent = where.directory->id, name = where.name, asked](fuse_req* r) mutable {
        operations_.create(r, parent, name.c_str(), S_IFREG | 0644, &asked);
      });
  if (answer.error == EEXIST) drop_dentry(*where.directory, where.name);
  if (answer.error != 0) return answer.error;
  file->node = take(answer.entry, 0);
  place(where.directory, where.name, file->node, answer.entry.entry_timeout);
  invalid(*where.directory);
  ++file->node->users;
  file->handle = answer.file.fh;
  file->direct = answer.file.direct_io != 0;
  file->noflush = answer.file.noflush != 0;
  file->created = true;
  // As every open without keep_cache; the node may be one that was there before.
  if (answer.file.keep_cache == 0) drop_pages(*file->node, 0, UINT64_MAX);
  file->descriptors = 1;
  out = file;
  return 0;
}

void Kernel::cut_pages(KNode& node, uint64_t size) {
  ++node.pages_dropped;
  std::erase_if(node.pages, [&](const auto& page) { return page.first * page_size >= size; });
  if (size % page_size == 0) return;
  const auto last = node.pages.find(size / page_size);
  if (last != node.pages.end())
    std::fill(last->second.bytes.begin() + static_cast<ptrdiff_t>(size % page_size),
              last->second.bytes.end(), '\0');
}

void Kernel::drop_pages(KNode& node, uint64_t first, uint64_t last) {
  ++node.pages_dropped;
  // What a program stored in a page since it was written out is not dropped with it.
  std::erase_if(node.pages, [&](const auto& page) {
    return page.first >= first && page.first <= last && !page.second.dirty;
  });
}

int Kernel::fill_page(Process& process, OpenFile& file, uint64_t index) {
  const KNodePtr node = file.node;
  if (node->locked.contains(index)) {
    world.wait(node->unlocked);
    return 0;
  }
  const uint64_t version = node->attributes_version;
  const uint64_t dropped = node->pages_dropped;
  fuse_file_info info = info_of(file);
  node->locked.insert(index);
  const Answer answer =
      request(&process, "read", fmt::format("{} page {}", path_of(*node), index),
              [this, id = node->id, index, info](fuse_req* r) mutable {
                operations_.read(r, id, page_size, static_cast<off_t>(index * page_size), &info);
              });
  node->locked.erase(index);
  world.wake_all(node->unlocked);
  if (answer.error != 0) return answer.error;
  std::string bytes = answer.data;
  if (bytes.size() < page_size) {
    // The file is shorter than the kernel thought.
    const uint64_t end = index * page_size + bytes.size();
    if (version >= node->attributes_version && end < node->size() && !node->size_unstable) {
      node->attributes_version = ++attribute_version_;
      node->attributes.st_size = static_cast<off_t>(end);
    }
    bytes.resize(page_size, '\0');
  }
  // A truncation or an invalidation waits for the page and drops it; who reads asks once more.
  if (node->pages_dropped != dropped) return 0;
  // A page that came into the cache meanwhile stays.
  node->pages.try_emplace(index, Page{std::move(bytes), false});
  return 0;
}

int Kernel::read(Process& process, OpenFile& file, uint64_t offset, size_t size, std::string& out) {
  if (!file.reads()) return EBADF;
  const KNodePtr node = file.node;
  out.clear();
  if (file.direct) {
    fuse_file_info info = info_of(file);
    const Answer answer =
        request(&process, "read", fmt::format("{} {}+{}", path_of(*node), offset, size),
                [this, id = node->id, offset, size, info](fuse_req* r) mutable {
                  operations_.read(r, id, size, static_cast<off_t>(offset), &info);
                });
    out = answer.data;
    return answer.error;
  }
  if (offset + size > node->size()) {
    if (const int error = refresh(process, node, true)) return error;
  }
  for (uint64_t at = offset; at < offset + size;) {
    const uint64_t index = at / page_size;
    if (at >= node->size()) break;
    auto page = node->pages.find(index);
    if (page == node->pages.end()) {
      if (const int error = fill_page(process, file, index)) return out.empty() ? error : 0;
      page = node->pages.find(index);
      if (page == node->pages.end()) continue;  // it was dropped again: another try
    }
    const uint64_t end = std::min({(index + 1) * page_size, offset + size, node->size()});
    if (end <= at) break;
    out.append(page->second.bytes, at - index * page_size, end - at);
    at = end;
  }
  return 0;
}

int Kernel::send_write(Process* process, OpenFile& file, uint64_t offset, const std::string& bytes,
                       bool from_page) {
  const KNodePtr node = file.node;
  fuse_file_info info = info_of(file);
  info.flags = from_page ? 0 : file.flags;
  info.writepage = from_page ? 1 : 0;
  const Answer answer = request(
      process, "write", fmt::format("{} {}+{}", path_of(*node), offset, bytes.size()),
      [this, id = node->id, offset, bytes, info](fuse_req* r) mutable {
        operations_.write(r, id, bytes.data(), bytes.size(), static_cast<off_t>(offset), &info);
      });
  return answer.error;
}

int Kernel::write(Process& process, OpenFile& file, uint64_t offset, const std::string& bytes,
                  uint64_t& at) {
  if (!file.writes()) return EBADF;
  const KNodePtr node = file.node;
  const FiberGuard guard(node->lock);
  at = (file.flags & O_APPEND) != 0 ? node->size() : offset;
  const uint64_t end = at + bytes.size();
  const uint64_t first = at / page_size;
  const uint64_t last = (end - 1) / page_size;
  std::vector<uint64_t> locked;
  if (file.direct) {
    write_dirty(*node);
    drop_pages(*node, first, last);
  } else {
    for (uint64_t index = first; index <= last; ++index) {
      while (node->locked.contains(index)) world.wait(node->unlocked);
      const uint64_t from = std::max(at, index * page_size);
      const uint64_t to = std::min(end, (index + 1) * page_size);
      const std::string piece = bytes.substr(from - at, to - from);
      const auto page = node->pages.find(index);
      if (page != node->pages.end()) {
        page->second.bytes.replace(from - index * page_size, piece.size(), piece);
      } else if (piece.size() == page_size) {
        node->pages[index] = {piece, false};
      } else {
        // Who reads a page that the write fills in part waits for the write, and asks then.
        node->locked.insert(index);
        locked.push_back(index);
      }
    }
  }
  if (end > node->size()) node->size_unstable = true;
  // A page that is being written out is waited for.
  if (!file.direct) wait_for_page_writes(*node);
  const int error = send_write(&process, file, at, bytes, false);
  for (const uint64_t index : locked) node->locked.erase(index);
  if (!locked.empty()) world.wake_all(node->unlocked);
  node->attributes_version = ++attribute_version_;
  if (error == 0 && end > node->size()) node->attributes.st_size = static_cast<off_t>(end);
  node->size_unstable = false;
  invalid(*node);
  if (error != 0) drop_pages(*node, first, last);
  return error;
}

int Kernel::truncate(Process& process, const KNodePtr& node, OpenFile* file, uint64_t size) {
  const FiberGuard guard(node->lock);
  const FiberGuard no_page_writes(node->page_writes);
  struct stat wanted {};
  wanted.st_size = static_cast<off_t>(size);
  node->size_unstable = true;
  fuse_file_info info = file != nullptr ? info_of(*file) : fuse_file_info{};
  const Answer answer = locked_request(
      process, "truncate", {path_of(*node)}, false,
      [this, id = node->id, wanted, info, has_file = file != nullptr](fuse_req* r) mutable {
        operations_.setattr(r, id, &wanted, FUSE_SET_ATTR_SIZE, has_file ? &info : nullptr);
      });
  node->size_unstable = false;
  if (answer.error != 0) {
    if (answer.error == EINTR) invalid(*node);
    return answer.error;
  }
  change_attributes(*node, answer.attributes, answer.attribute_timeout, 0);
  if (node->mapped.empty()) drop_pages(*node, 0, UINT64_MAX);
  return 0;
}

int Kernel::fsync(Process& process, OpenFile& file) {
  const FiberGuard guard(file.node->lock);
  if (const int error = write_dirty(*file.node)) return error;
  fuse_file_info info = info_of(file);
  return request(&process, "fsync", path_of(*file.node),
                 [this, id = file.node->id, info](fuse_req* r) mutable {
                   operations_.fsync(r, id, 0, &info);
                 })
      .error;
}

void Kernel::release(const OpenFilePtr& file) {
  // It comes some time after close(2) has returned, and nobody waits for it.
  world.after(
      world.between("release " + std::to_string(number), 0, 2 * millisecond), group_, [this, file] {
        const KNodePtr node = file->node;
        fuse_file_info info = info_of(*file);
        request(nullptr, "release", path_of(*node),
                [this, id = node->id, info, directory = file->directory](fuse_req* r) mutable {
                  directory ? operations_.releasedir(r, id, &info)
                            : operations_.release(r, id, &info);
                });
        unuse(node);
      });
}

int Kernel::close(Process& process, const OpenFilePtr& file) {
  int error = 0;
  if (!file->directory && !file->noflush) {
    write_dirty(*file->node);
    fuse_file_info info = info_of(*file);
    info.flush = 1;
    info.lock_owner = static_cast<uint64_t>(process.number);
    const bool was_stopped = std::exchange(process.being_stopped, false);  // never interrupted
    error = request(&process, "flush", path_of(*file->node),
                    [this, id = file->node->id, info](fuse_req* r) mutable {
                      operations_.flush(r, id, &info);
                    })
                .error;
    process.being_stopped = was_stopped;
  }
  if (--file->descriptors == 0 && file->mappings == 0) release(file);
  return error;
}

int Kernel::read_more_entries(Process& process, OpenFile& file) {
  const KNodePtr node = file.node;
  const bool plus = std::exchange(node->advise_plus, false) || file.cookie == 0;
  fuse_file_info info = info_of(file);
  const uint64_t version = attribute_version_;
  const Answer answer = request(
      &process, plus ? "readdirplus" : "readdir", fmt::format("{} {}", path_of(*node), file.cookie),
      [this, id = node->id, cookie = file.cookie, info, plus](fuse_req* r) mutable {
        plus ? operations_.readdirplus(r, id, page_size, cookie, &info)
             : operations_.readdir(r, id, page_size, cookie, &info);
      });
  if (answer.error != 0) return answer.error;
  file.entries = unpack(answer.data, plus);
  for (const PackedEntry& entry : file.entries) {
    file.cookie = entry.next;
    if (entry.entry.ino == 0) continue;
    const KNodePtr child = take(entry.entry, version);
    place(node, entry.name, child, entry.entry.entry_timeout);
  }
  file.at_end = file.entries.empty();
  return 0;
}

int Kernel::getdents(Process& process, OpenFile& file, std::vector<std::string>& names, bool& end) {
  const FiberGuard guard(file.node->lock);
  if (const int error = read_more_entries(process, file)) return error;
  for (const PackedEntry& entry : file.entries) {
    if (entry.name != "." && entry.name != "..") names.push_back(entry.name);
  }
  end = file.at_end;
  return 0;
}

int Kernel::write_page(OpenFile& file, uint64_t index) {
  KNode& node = *file.node;
  const FiberGuard guard(node.page_writes);
  const auto page = node.pages.find(index);
  if (page == node.pages.end() || !page->second.dirty) return 0;  // it was cut off meanwhile
  page->second.dirty = false;
  const uint64_t from = index * page_size;
  if (from >= node.size()) return 0;
  const std::string bytes = page->second.bytes.substr(0, std::min(page_size, node.size() - from));
  Callback<void(int)> answered = watcher_.page_written(number, file, from, bytes);
  const int error = send_write(nullptr, file, from, bytes, true);
  answered(error);
  return error;
}

bool Kernel::dirty(const KNode& node) {
  return std::ranges::any_of(node.pages, [](const auto& page) { return page.second.dirty; });
}

int Kernel::write_dirty(KNode& node) {
  int result = 0;
  while (true) {
    const auto dirty = std::find_if(node.pages.begin(), node.pages.end(),
                                    [](const auto& page) { return page.second.dirty; });
    if (dirty == node.pages.end()) break;
    if (node.mapped.empty()) {
      dirty->second.dirty = false;
      continue;
    }
    // Through any handle that is mapped for writing.
    OpenFile& file = *node.mapped[world.below("mapped handle", node.mapped.size())];
    if (const int error = write_page(file, dirty->first)) result = error;
  }
  wait_for_page_writes(node);  // of others
  return result;
}

int Kernel::map(Process&, OpenFile& file) {
  if (file.direct) return ENODEV;
  if (!file.reads()) return EACCES;
  ++file.mappings;
  if (file.writes()) file.node->mapped.push_back(&file);
  return 0;
}

void Kernel::unmap(Process&, const OpenFilePtr& file) {
  write_dirty(*file->node);
  auto& mapped = file->node->mapped;
  if (const auto found = std::find(mapped.begin(), mapped.end(), file.get()); found != mapped.end())
    mapped.erase(found);
  if (--file->mappings == 0 && file->descriptors == 0) release(file);
}

int Kernel::mapped_read(Process& process, OpenFile& file, uint64_t offset, size_t size,
                        std::string& out) {
  out.clear();
  for (uint64_t at = offset; at < offset + size;) {
    const uint64_t index = at / page_size;
    // A page wholly behind the end is SIGBUS, and so is one that cannot be read.
    if (index * page_size >= file.node->size()) return EFAULT;
    auto page = file.node->pages.find(index);
    if (page == file.node->pages.end()) {
      if (const int error = fill_page(process, file, index)) return error;
      continue;
    }
    const uint64_t end = std::min((index + 1) * page_size, offset + size);
    out.append(page->second.bytes, at - index * page_size, end - at);
    at = end;
  }
  return 0;
}

int Kernel::mapped_write(Process& process, OpenFile& file, uint64_t offset,
                         const std::string& bytes) {
  for (uint64_t at = offset; at < offset + bytes.size();) {
    const uint64_t index = at / page_size;
    if (index * page_size >= file.node->size()) return EFAULT;
    auto page = file.node->pages.find(index);
    if (page == file.node->pages.end()) {
      if (const int error = fill_page(process, file, index)) return error;
      continue;
    }
    const uint64_t end = std::min((index + 1) * page_size, offset + bytes.size());
    page->second.bytes.replace(at - index * page_size, end - at, bytes, at - offset, end - at);
    page->second.dirty = true;
    at = end;
  }
  return 0;
}

}  // namespace penstock::sim
