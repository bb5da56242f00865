// SPDX-License-Identifier: Apache-2.0
#include "support/power_loss_disk.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace penstock::test {
namespace {

std::string without_slash(const std::string& path) {
  return path.size() > 1 && path.back() == '/' ? path.substr(0, path.size() - 1) : path;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

PowerLossDisk::PowerLossDisk() {
  auto root = std::make_shared<Inode>();
  root->folder = true;
  now_["/"] = durable_["/"] = root;
}

uint64_t PowerLossDisk::changes() const {
  const MutexLock lock(mutex_);
  return changes_;
}
uint64_t PowerLossDisk::flushes() const {
  const MutexLock lock(mutex_);
  return flushes_;
}
uint64_t PowerLossDisk::occupied() const {
  const MutexLock lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& [path, inode] : now_) bytes += inode->versions.back().size;
  return bytes;
}
void PowerLossDisk::power_off_after(uint64_t changes) {
  const MutexLock lock(mutex_);
  last_change_ = changes;
}

bool PowerLossDisk::may_change() {
  if (last_change_ && changes_ >= *last_change_) return false;
  ++changes_;
  return true;
}

void PowerLossDisk::apply(const Change& change, Names& names) {
  for (const auto& [name, inode] : change.names) {
    if (inode != nullptr) {
      names[name] = inode;
    } else {
      names.erase(name);
    }
  }
}

void PowerLossDisk::change(Change change) {
  apply(change, now_);
  pending_.push_back(std::move(change));
}

PowerLossDisk::Content PowerLossDisk::mixed(const std::vector<Content>& versions,
                                            std::mt19937_64& random) {
  Content content;
  set_size(content, versions[random() % versions.size()].size);
  for (size_t i = 0; i < content.pages.size(); ++i) {
    const Content& version = versions[random() % versions.size()];
    if (i < version.pages.size()) content.pages[i] = version.pages[i];
  }
  // What is behind the end of a file reads as zeros when it grows again.
  set_size(content, content.size);
  return content;
}

std::shared_ptr<PowerLossDisk> PowerLossDisk::after_cut(Loss loss, std::mt19937_64& random) const {
  auto disk = std::make_shared<PowerLossDisk>();
  const MutexLock lock(mutex_);
  Names names = durable_;
  for (const Change& change : pending_) {
    if (loss == Loss::none || (loss == Loss::some && random() % 2 == 0)) apply(change, names);
  }
  const MutexLock other(disk->mutex_);
  std::map<const Inode*, InodePtr> copies;
  for (const auto& [path, inode] : names) {
    // Parents come first: without them there is no way here.
    if (path != "/" && !disk->now_.contains(parent_of(path))) continue;
    InodePtr& copy = copies[inode.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Inode>();
      copy->folder = inode->folder;
      copy->number = disk->next_inode_++;
      const std::vector<Content>& versions = inode->versions;
      copy->versions = {loss == Loss::all    ? versions.front()
                        : loss == Loss::none ? versions.back()
                                             : mixed(versions, random)};
    }
    disk->now_[path] = copy;
  }
  disk->durable_ = disk->now_;
  return disk;
}

PowerLossDisk::Inode* PowerLossDisk::find(const std::string& path) {
  const auto found = now_.find(without_slash(path));
  return found == now_.end() ? nullptr : found->second.get();
}
PowerLossDisk::Inode* PowerLossDisk::find(int file) {
  const auto found = open_.find(file);
  return found == open_.end() ? nullptr : found->second.inode.get();
}

int PowerLossDisk::open(const std::string& path, int flags, uint32_t) {
  const MutexLock lock(mutex_);
  if (last_change_ && changes_ >= *last_change_) return -EIO;
  Inode* inode = find(path);
  if (inode != nullptr && (flags & O_EXCL) != 0) return -EEXIST;
  if (inode == nullptr) {
    if ((flags & O_CREAT) == 0) return -ENOENT;
    const Inode* const folder = find(parent_of(path));
    if (folder == nullptr) return -ENOENT;
    if (!folder->folder) return -ENOTDIR;
    if (!may_change()) return -EIO;
    auto made = std::make_shared<Inode>();
    made->number = next_inode_++;
    change({.folder = parent_of(path), .names = {{path, made}}});
  } else if (inode->folder != ((flags & O_DIRECTORY) != 0)) {
    return inode->folder ? -EISDIR : -ENOTDIR;
  } else if ((flags & O_TRUNC) != 0) {
    if (!may_change()) return -EIO;
    inode->versions.emplace_back();
  }
  open_[next_file_] = {.inode = now_.at(without_slash(path)), .path = without_slash(path)};
  return next_file_++;
}

void PowerLossDisk::close(int file) noexcept {
  const MutexLock lock(mutex_);
  open_.erase(file);
}

int64_t PowerLossDisk::pread(int file, std::span<std::byte> out, uint64_t offset) {
  const MutexLock lock(mutex_);
  const Inode* const inode = find(file);
  if (inode == nullptr) return -EBADF;
  const Content& content = inode->versions.back();
  if (offset >= content.size) return 0;
  const uint64_t length = std::min<uint64_t>(out.size(), content.size - offset);
  for (uint64_t done = 0; done < length;) {
    const uint64_t in_page = (offset + done) % page_size;
    const uint64_t step = std::min(page_size - in_page, length - done);
    const auto& page = content.pages[(offset + done) / page_size];
    if (page == nullptr) {
      memset(out.data() + done, 0, step);
    } else {
      memcpy(out.data() + done, page->data() + in_page, step);
    }
    done += step;
  }
  return static_cast<int64_t>(length);
}

void PowerLossDisk::set_size(Content& content, uint64_t size) {
  content.size = size;
  content.pages.resize((size + page_size - 1) / page_size);
  const uint64_t rest = size % page_size;
  if (rest == 0 || content.pages.back() == nullptr) return;
  auto page = std::make_shared<Page>(*content.pages.back());
  std::fill(page->begin() + static_cast<ptrdiff_t>(rest), page->end(), std::byte{});
  content.pages.back() = std::move(page);
}

int PowerLossDisk::pwrite(int file, std::span<const std::byte> bytes, uint64_t offset) {
  const MutexLock lock(mutex_);
  Inode* const inode = find(file);
  if (inode == nullptr) return -EBADF;
  if (!may_change()) return -EIO;
  Content content = inode->versions.back();
  if (content.size < offset + bytes.size()) set_size(content, offset + bytes.size());
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t in_page = (offset + done) % page_size;
    const uint64_t step = std::min<uint64_t>(page_size - in_page, bytes.size() - done);
    auto& page = content.pages[(offset + done) / page_size];
    auto next = page == nullptr ? std::make_shared<Page>() : std::make_shared<Page>(*page);
    memcpy(next->data() + in_page, bytes.data() + done, step);
    page = std::move(next);
    done += step;
  }
  inode->versions.push_back(std::move(content));
  return 0;
}

int PowerLossDisk::syncfs(int) { return -EOPNOTSUPP; }

int PowerLossDisk::sync_data(int file) {
  Inode* const inode = find(file);
  if (inode == nullptr) return -EBADF;
  if (!may_change()) return -EIO;
  ++flushes_;
  inode->versions.erase(inode->versions.begin(), inode->versions.end() - 1);
  return 0;
}

int PowerLossDisk::fdatasync(int file) {
  const MutexLock lock(mutex_);
  return sync_data(file);
}

int PowerLossDisk::fsync(int file) {
  const MutexLock lock(mutex_);
  if (const int error = sync_data(file); error != 0) return error;
  const OpenFile& open = open_.at(file);
  if (!open.inode->folder) return 0;
  std::vector<Change> others;
  for (Change& change : pending_) {
    if (change.folder == open.path) {
      apply(change, durable_);
    } else {
      others.push_back(std::move(change));
    }
  }
  pending_ = std::move(others);
  return 0;
}

int PowerLossDisk::start_writeback(int, uint64_t, uint64_t) { return 0; }

Disk::Status PowerLossDisk::status_of(const Inode& inode) {
  uint64_t links = 0;
  for (const auto& [path, other] : now_) links += other.get() == &inode ? 1U : 0U;
  const uint64_t size = inode.versions.back().size;
  return {.device = 1,
          .inode = inode.number,
          .links = links,
          .size = size,
          .allocated = size,
          .regular = !inode.folder,
          .directory = inode.folder};
}

int PowerLossDisk::fstat(int file, Status& status) {
  const MutexLock lock(mutex_);
  const Inode* const inode = find(file);
  if (inode == nullptr) return -EBADF;
  status = status_of(*inode);
  return 0;
}

int PowerLossDisk::stat(const std::string& path, Status& status) {
  const MutexLock lock(mutex_);
  const Inode* const inode = find(path);
  if (inode == nullptr) return -ENOENT;
  status = status_of(*inode);
  return 0;
}

int PowerLossDisk::ftruncate(int file, uint64_t size) {
  const MutexLock lock(mutex_);
  Inode* const inode = find(file);
  if (inode == nullptr) return -EBADF;
  if (!may_change()) return -EIO;
  Content content = inode->versions.back();
  set_size(content, size);
  inode->versions.push_back(std::move(content));
  return 0;
}

int PowerLossDisk::touch(int) { return 0; }

int PowerLossDisk::flock(int file, int operation) {
  const MutexLock lock(mutex_);
  const auto found = open_.find(file);
  if (found == open_.end()) return -EBADF;
  const int wanted = operation & (LOCK_SH | LOCK_EX);
  for (const auto& [other, open] : open_) {
    const bool held = other != file && open.inode == found->second.inode && open.lock != 0;
    if (held && (wanted == LOCK_EX || open.lock == LOCK_EX)) return -EWOULDBLOCK;
  }
  found->second.lock = wanted;
  return 0;
}

int PowerLossDisk::link(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  if (find(from) == nullptr) return -ENOENT;
  if (find(to) != nullptr) return -EEXIST;
  if (!may_change()) return -EIO;
  change({.folder = parent_of(to), .names = {{to, now_.at(from)}}});
  return 0;
}

int PowerLossDisk::rename(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  if (find(from) == nullptr) return -ENOENT;
  if (parent_of(from) != parent_of(to)) return -EXDEV;
  if (!may_change()) return -EIO;
  change({.folder = parent_of(to), .names = {{to, now_.at(from)}, {from, nullptr}}});
  return 0;
}

int PowerLossDisk::unlink(const std::string& path) {
  const MutexLock lock(mutex_);
  const Inode* const inode = find(path);
  if (inode == nullptr) return -ENOENT;
  if (inode->folder) return -EISDIR;
  if (!may_change()) return -EIO;
  change({.folder = parent_of(path), .names = {{path, nullptr}}});
  return 0;
}

int PowerLossDisk::mkdir(const std::string& path, uint32_t) {
  const MutexLock lock(mutex_);
  if (find(path) != nullptr) return -EEXIST;
  if (find(parent_of(path)) == nullptr) return -ENOENT;
  if (!may_change()) return -EIO;
  auto made = std::make_shared<Inode>();
  made->folder = true;
  made->number = next_inode_++;
  change({.folder = parent_of(path), .names = {{path, made}}});
  return 0;
}

int PowerLossDisk::rmdir(const std::string& path) {
  const MutexLock lock(mutex_);
  if (find(path) == nullptr) return -ENOENT;
  const auto inside = now_.upper_bound(path + "/");
  if (inside != now_.end() && inside->first.starts_with(path + "/")) return -ENOTEMPTY;
  if (!may_change()) return -EIO;
  change({.folder = parent_of(path), .names = {{path, nullptr}}});
  return 0;
}

int PowerLossDisk::list(const std::string& path, std::vector<std::string>& names) {
  const MutexLock lock(mutex_);
  if (last_change_ && changes_ >= *last_change_) return -EIO;
  const Inode* const folder = find(path);
  if (folder == nullptr) return -ENOENT;
  if (!folder->folder) return -ENOTDIR;
  const std::string start = path == "/" ? path : path + "/";
  for (const auto& [name, inode] : now_) {
    if (name.size() > start.size() && name.starts_with(start) &&
        name.find('/', start.size()) == std::string::npos)
      names.push_back(name.substr(start.size()));
  }
  return 0;
}

int PowerLossDisk::filesystem_type(const std::string&, uint64_t& type) {
  type = 0;  // none that anybody knows
  return 0;
}

int PowerLossDisk::statvfs(const std::string&, Space& space) {
  space = {.total = 1ULL << 40, .available = 1ULL << 40};
  return 0;
}

}  // namespace penstock::test
