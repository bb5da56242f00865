// SPDX-License-Identifier: Apache-2.0
#include "app/access/replay_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "app/human_text.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr size_t directory_buffer = 32 << 10;  // as the C library reads them

Played outcome(int64_t result) {
  return result < 0 ? Played{.error = errno} : Played{.bytes = static_cast<uint64_t>(result)};
}

/// Of a call whose answer is no number of bytes.
Played done(int result) { return {.error = result < 0 ? errno : 0}; }

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool has_flag(const AccessRecord& record, std::string_view flag) {
  return record.flags.find(flag) != std::string::npos;
}

int access_of(const AccessRecord& record) {
  if (!has_flag(record, "w")) return O_RDONLY;
  return record.flags.starts_with("rw") ? O_RDWR : O_WRONLY;
}

/// Memory for one read or write; one for each thread.
std::byte* buffer_of(uint64_t size) {
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size, std::byte{0x5a});
  return buffer.data();
}

Played read_at(int fd, const AccessRecord& record) {
  const uint64_t size = record.size.value_or(0);
  return outcome(pread(fd, buffer_of(size), size, static_cast<off_t>(record.offset.value_or(0))));
}

Played write_at(int fd, const AccessRecord& record) {
  const uint64_t size = record.size.value_or(0);
  return outcome(pwrite(fd, buffer_of(size), size, static_cast<off_t>(record.offset.value_or(0))));
}

}  // namespace

void ReplayTarget::Files::add(uint64_t handle, File file) {
  const MutexLock lock(mutex_);
  files_[handle] = std::move(file);
}

ReplayTarget::File ReplayTarget::Files::find(uint64_t handle) const {
  const MutexLock lock(mutex_);
  const auto found = files_.find(handle);
  return found == files_.end() ? nullptr : found->second;
}

ReplayTarget::File ReplayTarget::Files::take(uint64_t handle) {
  const MutexLock lock(mutex_);
  const auto found = files_.find(handle);
  if (found == files_.end()) return nullptr;
  File file = std::move(found->second);
  files_.erase(found);
  return file;
}

void ReplayTarget::Files::clear() {
  std::unordered_map<uint64_t, File> closed;  // without the lock: a close may store
  const MutexLock lock(mutex_);
  closed.swap(files_);
}

Result<std::unique_ptr<ReplayTarget>> ReplayTarget::open(const std::string& directory,
                                                         bool changes) {
  OwnedFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root)
    return wrong(
        fmt::format("{} cannot be opened: {}", printable(directory), std::strerror(errno)));
  return std::unique_ptr<ReplayTarget>(new ReplayTarget(std::move(root), changes));
}

int ReplayTarget::open_below(const std::string& path, int flags, uint32_t mode) const {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 ? mode & 07777U : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* const name = path.empty() ? "." : path.c_str();
  return static_cast<int>(syscall(SYS_openat2, root_.get(), name, &how, sizeof(how)));
}

ReplayTarget::Name ReplayTarget::name_of(const std::string& path) const {
  const size_t slash = path.rfind('/');
  const bool top = slash == std::string::npos;
  Name result{
      .directory = OwnedFd(open_below(top ? "" : path.substr(0, slash), O_PATH | O_DIRECTORY, 0)),
      .name = top ? path : path.substr(slash + 1)};
  if (!result.directory) result.error = errno;
  if (result.name.empty()) result.name = ".";
  return result;
}

std::optional<Played> ReplayTarget::play(const AccessRecord& record) {
  const std::string& operation = record.operation;
  if (operation == "mount") {  // handles count anew
    files_.clear();
    directories_.clear();
    return std::nullopt;
  }
  if (is_one_of(operation, {"read", "write", "fsync", "release", "readdir", "releasedir"}))
    return use_file(record);
  if (!record.path) return std::nullopt;
  if (operation == "open" && !has_flag(record, "w") && !has_flag(record, "trunc"))
    return open_file(record, false);
  if (operation == "opendir") return open_directory(record);
  if (operation == "lookup" || operation == "getattr") return look_up(record);
  if (is_one_of(operation, {"readlink", "statfs", "listxattr"})) return ask_path(record);
  return changes_ ? change(record) : std::nullopt;
}

Played ReplayTarget::open_file(const AccessRecord& record, bool creates) {
  int flags = access_of(record) | O_NOFOLLOW | O_NOCTTY;
  if (has_flag(record, "trunc")) flags |= O_TRUNC;
  if (creates) flags |= O_CREAT;
  if (has_flag(record, "excl")) flags |= O_EXCL;
  const int fd = open_below(*record.path, flags, record.mode.value_or(0644));
  if (fd < 0) return done(fd);
  // The recorded reads are those that the kernel made of the program's, ahead of them too: it shall
  // add nothing to them.
  posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  files_.add(record.handle, std::make_shared<OwnedFd>(fd));
  return {};
}

Played ReplayTarget::open_directory(const AccessRecord& record) {
  const int fd = open_below(*record.path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return done(fd);
  directories_.add(record.handle, std::make_shared<OwnedFd>(fd));
  return {};
}

Played ReplayTarget::look_up(const AccessRecord& record) const {
  const Name at = name_of(*record.path);
  if (!at.directory) return {.error = at.error};
  struct stat attributes {};
  return done(fstatat(at.directory.get(), at.name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW));
}

Played ReplayTarget::ask_path(const AccessRecord& record) const {
  const Name at = name_of(*record.path);
  if (!at.directory) return {.error = at.error};
  if (record.operation == "readlink") {
    std::array<char, 4096> target{};
    return done(static_cast<int>(
        readlinkat(at.directory.get(), at.name.c_str(), target.data(), target.size())));
  }
  const OwnedFd file(open_below(*record.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
  if (!file) return {.error = errno};
  if (record.operation == "listxattr")
    return done(static_cast<int>(flistxattr(file.get(), nullptr, 0)));
  struct statvfs space {};
  return done(fstatvfs(file.get(), &space));
}

/// Of a handle that was not opened nothing is played: its open was a change, or failed.
std::optional<Played> ReplayTarget::use_file(const AccessRecord& record) {
  const std::string& operation = record.operation;
  const bool of_directory = operation == "readdir" || operation == "releasedir";
  Files& files = of_directory ? directories_ : files_;
  const bool last = operation == "release" || operation == "releasedir";
  const File file = last ? files.take(record.handle) : files.find(record.handle);
  if (file == nullptr) return std::nullopt;
  const int fd = file->get();
  if (last) return Played{};  // closed with `file`, and by its owner's destructor
  if (operation == "read") return read_at(fd, record);
  if (operation == "readdir") {
    std::array<std::byte, directory_buffer> entries{};
    return done(static_cast<int>(syscall(SYS_getdents64, fd, entries.data(), entries.size())));
  }
  if (operation == "fsync") return done(::fsync(fd));
  return write_at(fd, record);
}

std::optional<Played> ReplayTarget::change(const AccessRecord& record) {
  const std::string& operation = record.operation;
  if (operation == "open" || operation == "create") return open_file(record, operation == "create");
  if (is_one_of(operation, {"mkdir", "rmdir", "unlink", "symlink"})) return change_name(record);
  if (operation == "rename" || operation == "link") return change_two_names(record);
  if (operation == "setattr" && (record.size || record.mode)) return set_attributes(record);
  return std::nullopt;
}

Played ReplayTarget::change_name(const AccessRecord& record) const {
  const Name at = name_of(*record.path);
  if (!at.directory) return {.error = at.error};
  const int directory = at.directory.get();
  const char* const name = at.name.c_str();
  if (record.operation == "mkdir")
    return done(mkdirat(directory, name, record.mode.value_or(0755)));
  if (record.operation == "symlink") return done(symlinkat(record.to.c_str(), directory, name));
  return done(unlinkat(directory, name, record.operation == "rmdir" ? AT_REMOVEDIR : 0));
}

Played ReplayTarget::change_two_names(const AccessRecord& record) const {
  const Name from = name_of(*record.path);
  if (!from.directory) return {.error = from.error};
  const Name to = name_of(record.to);
  if (!to.directory) return {.error = to.error};
  if (record.operation == "link") {
    return done(
        linkat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(), 0));
  }
  const unsigned flags = record.flags == "exchange"    ? RENAME_EXCHANGE
                         : record.flags == "noreplace" ? RENAME_NOREPLACE
                                                       : 0;
  return done(static_cast<int>(syscall(SYS_renameat2, from.directory.get(), from.name.c_str(),
                                       to.directory.get(), to.name.c_str(), flags)));
}

Played ReplayTarget::set_attributes(const AccessRecord& record) const {
  const OwnedFd file(open_below(
      *record.path, (record.size ? O_WRONLY : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
  if (!file) return {.error = errno};
  if (record.size) {
    const Played cut = done(ftruncate(file.get(), static_cast<off_t>(*record.size)));
    if (cut.error != 0 || !record.mode) return cut;
  }
  return done(fchmod(file.get(), *record.mode & 07777U));
}

}  // namespace penstock
