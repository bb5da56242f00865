// SPDX-License-Identifier: Apache-2.0
#include "store/dir/dir_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/wall_clock.h"
#include "store/dir/folder_names.h"
#include "store/dir/sidecar.h"

namespace penstock {
namespace {

constexpr size_t max_key_bytes = 1024;

Error not_found(const std::string& key) {
  return key_error(Code::not_found, key, "no such object");
}

}  // namespace

std::string random_name() {
  std::array<unsigned char, 16> bytes{};
  // Requests of up to 256 bytes are neither cut short nor interrupted.
  while (getrandom(bytes.data(), bytes.size(), 0) < 0) {
  }
  std::string name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

StagedFile::~StagedFile() {
  if (folder_) unlinkat(folder_.get(), name_.c_str(), 0);
}

DirTree::DirTree(const std::string& root, bool sync)
    : sync_(sync), root_(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_) root_error_ = errno;
}

std::optional<Error> DirTree::check_key(const std::string& key) {
  if (key.empty()) return key_error(Code::invalid_argument, key, "a key cannot be empty");
  if (key.size() > max_key_bytes)
    return key_error(Code::name_too_long, key, "the key is over 1,024 bytes long");
  return std::nullopt;
}

Fd DirTree::open_folder(std::span<const std::string> names, bool create, int& error) const {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if (!root_) {
    error = root_error_;
    return {};
  }
  Fd at(openat(root_.get(), ".", flags));
  for (const std::string& name : names) {
    if (!at) break;
    Fd next(openat(at.get(), name.c_str(), flags));
    if (!next && errno == ENOENT && create) {
      if (mkdirat(at.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
        error = errno;
        return {};
      }
      if (sync_) fsync(at.get());
      next = Fd(openat(at.get(), name.c_str(), flags));
    }
    at = std::move(next);
  }
  if (!at) error = errno;
  return at;
}

Fd DirTree::open_private(const std::string& name, bool create, int& error) const {
  return open_folder(std::array<std::string, 2>{private_folder, name}, create, error);
}

Result<Fd> DirTree::lock(char kind, const std::string& name) const {
  int error = 0;
  const Fd folder = open_private("locks", true, error);
  if (!folder) return errno_error(error, "opening the locks of the store", name);
  uint32_t hash = 2166136261U;  // FNV-1a: must be the same in every process.
  for (const char byte : name) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
  const std::string file = fmt::format("{}-{:02x}", kind, (hash ^ (hash >> 16)) & 0xff);
  Fd fd(openat(folder.get(), file.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return errno_error(errno, "opening a lock of the store", name);
  // Held for a moment, unless the process that holds it was stopped: then the request is tried
  // again later, as with a server that does not answer.
  constexpr std::chrono::milliseconds longest_pause{512};
  for (std::chrono::milliseconds pause{1}; flock(fd.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return errno_error(errno, "taking a lock of the store", name);
    if (pause > longest_pause) {
      return key_error(Code::timed_out, name, "another process does not let go of a lock");
    }
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
  return fd;
}

Result<void> DirTree::sync(int file, const std::string& key) const {
  if (sync_ && fsync(file) != 0) return errno_error(errno, "writing to the disk", key);
  return {};
}

size_t DirTree::remove_leftovers(int64_t before_ns) const {
  int error = 0;
  const Fd folder = open_private("tmp", false, error);
  if (!folder) return 0;
  DIR* open = fdopendir(dup(folder.get()));
  if (open == nullptr) return 0;
  size_t removed = 0;
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == "..") continue;
    if (fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (to_ns(status.st_mtim) >= before_ns || to_ns(status.st_ctim) >= before_ns) continue;
    const bool gone = S_ISDIR(status.st_mode) ? remove_tree(folder.get(), name)
                                              : unlinkat(folder.get(), name.c_str(), 0) == 0;
    if (gone) ++removed;
  }
  closedir(open);
  return removed;
}

std::optional<ObjectInfo> DirTree::folder_object(int folder, const std::string& key,
                                                 bool or_empty) const {
  if (auto mark = folder_mark(folder)) {
    return ObjectInfo{.key = key,
                      .etag = fmt::format("m{:x}", mark->time_ns),
                      .last_modified_ns = mark->time_ns,
                      .metadata = std::move(mark->metadata)};
  }
  struct stat status {};
  if (!or_empty || !is_empty_folder(folder, false) || fstat(folder, &status) != 0)
    return std::nullopt;
  return ObjectInfo{.key = key,
                    .etag = "f" + etag_of(status),
                    .last_modified_ns = to_ns(status.st_mtim),
                    .metadata = Metadata()};
}

Result<FoundObject> DirTree::open_object(int folder, const std::string& name,
                                         const std::string& key, bool with_metadata) const {
  FoundObject found;
  // Looked at before it is opened: opening a special file can do things.
  if (fstatat(folder, name.c_str(), &found.status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (is_no_such_path(errno)) return not_found(key);
    return errno_error(errno, "looking at the object", key);
  }
  if (!S_ISREG(found.status.st_mode)) return not_found(key);
  found.file =
      Fd(openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!found.file) {
    if (is_no_such_path(errno)) return not_found(key);
    return errno_error(errno, "opening the object", key);
  }
  if (fstat(found.file.get(), &found.status) != 0)
    return errno_error(errno, "looking at the object", key);
  if (!S_ISREG(found.status.st_mode)) return not_found(key);
  found.info = ObjectInfo{.key = key,
                          .size = static_cast<uint64_t>(found.status.st_size),
                          .etag = etag_of(found.status),
                          .last_modified_ns = to_ns(found.status.st_mtim)};
  if (with_metadata) found.info.metadata = metadata_of(found);
  return found;
}

Metadata DirTree::metadata_of(const FoundObject& found) const {
  Metadata metadata = metadata_attributes(found.file.get());
  if (!metadata.empty()) return metadata;
  int error = 0;
  const Fd folder = open_private(sidecar_folder, false, error);
  return folder ? read_sidecar(folder.get(), found.status) : Metadata();
}

Result<FoundObject> DirTree::find_plain(const PlainPath& path, const std::string& key,
                                        bool with_metadata) const {
  int error = 0;
  const Fd parent = open_folder(path.folders, false, error);
  if (!parent) {
    if (is_no_such_path(error)) return not_found(key);
    return errno_error(error, "opening the object's folder", key);
  }
  return open_object(parent.get(), path.leaf, key, with_metadata);
}

Result<FoundObject> DirTree::find_odd(const std::string& key, bool with_metadata) const {
  std::vector<std::string> folders = odd_path(key);
  const std::string leaf = std::move(folders.back());
  folders.pop_back();
  folders.insert(folders.begin(), {private_folder, odd_folder});
  return find_plain(PlainPath{std::move(folders), leaf, false}, key, with_metadata);
}

Result<FoundObject> DirTree::find(const std::string& key, bool with_metadata) const {
  if (auto error = check_key(key)) return *error;
  const auto path = plain_path(key);
  if (path && !path->marker) {
    auto found = find_plain(*path, key, with_metadata);
    if (found || found.code() != Code::not_found) return found;
  }
  if (!path || !path->marker) return find_odd(key, with_metadata);

  std::vector<std::string> folders = path->folders;
  folders.push_back(path->leaf);
  int error = 0;
  const Fd folder = open_folder(folders, false, error);
  if (!folder && !is_no_such_path(error)) return errno_error(error, "opening the folder", key);
  FoundObject found;
  if (folder) {
    if (auto info = folder_object(folder.get(), key, false)) {
      found.info = std::move(*info);
      return found;
    }
  }
  auto odd = find_odd(key, with_metadata);
  if (odd || odd.code() != Code::not_found || !folder) return odd;
  auto info = folder_object(folder.get(), key, true);
  if (!info) return not_found(key);
  found.info = std::move(*info);
  return found;
}

std::optional<Error> DirTree::check(const std::string& key, const Precondition& condition) const {
  if (condition.if_match.empty() && !condition.if_none_match) return std::nullopt;
  const auto found = find(key, false);
  if (!found && found.code() != Code::not_found) return found.error();
  if (condition.if_none_match && found)
    return key_error(Code::already_exists, key, "the object exists");
  if (!condition.if_match.empty() && (!found || found->info.etag != condition.if_match)) {
    return key_error(Code::changed, key, "the object is not the expected version");
  }
  return std::nullopt;
}

}  // namespace penstock
