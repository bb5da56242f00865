// SPDX-License-Identifier: Apache-2.0
// The part of DirTree that changes objects.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/wall_clock.h"
#include "store/dir/dir_tree.h"
#include "store/dir/folder_names.h"
#include "store/dir/sidecar.h"

namespace penstock {
namespace {

// A folder can vanish between its making and its use, when another call removes its last object.
constexpr int max_tries = 100;

bool is_regular_file(int folder, const std::string& name) {
  struct stat status {};
  return fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(status.st_mode);
}

// Renames without replacing, also where the file system cannot do that in one step. 0 or errno.
int rename_exclusively(const StagedFile& staged, int folder, const std::string& leaf) {
  if (renameat2(staged.folder(), staged.name().c_str(), folder, leaf.c_str(), RENAME_NOREPLACE) ==
      0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (linkat(staged.folder(), staged.name().c_str(), folder, leaf.c_str(), 0) != 0) return errno;
  unlinkat(staged.folder(), staged.name().c_str(), 0);
  return 0;
}

// The folders that a key's plain place needs.
std::vector<std::string> folders_of(const PlainPath& path) {
  std::vector<std::string> folders = path.folders;
  if (path.marker) folders.push_back(path.leaf);
  return folders;
}

std::vector<std::string> odd_folders(const std::string& key) {
  std::vector<std::string> folders = odd_path(key);
  folders.pop_back();
  folders.insert(folders.begin(), {private_folder, odd_folder});
  return folders;
}

}  // namespace

int64_t DirTree::unique_time() {
  const int64_t now = wall_clock_ns();
  int64_t last = last_time_.load();
  int64_t mine = std::max(now, last + 1);
  while (!last_time_.compare_exchange_weak(last, mine)) mine = std::max(now, last + 1);
  return mine;
}

Result<StagedFile> DirTree::stage(const std::string& key) const {
  int error = 0;
  Fd folder = open_private("tmp", true, error);
  if (!folder) return errno_error(error, "opening the store's folder for temporary files", key);
  std::string name = random_name();
  Fd file(
      openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) return errno_error(errno, "making a temporary file", key);
  return StagedFile(std::move(folder), std::move(name), std::move(file));
}

Result<void> DirTree::write_sidecar(const StagedFile& staged, const Metadata& metadata,
                                    const std::string& key) const {
  struct stat status {};
  if (fstat(staged.file(), &status) != 0)
    return errno_error(errno, "looking at the new object", key);
  int error = 0;
  const Fd folder = open_private(sidecar_folder, true, error);
  if (!folder) return errno_error(error, "opening the store's folder for metadata", key);
  auto sidecar = stage(key);
  if (!sidecar) return sidecar.error();
  const std::string bytes = encode_metadata(metadata);
  const Body body{{std::as_bytes(std::span(bytes))}, nullptr};
  if (auto written = write_body(sidecar->file(), body, key); !written) return written;
  if (auto synced = sync(sidecar->file(), key); !synced) return synced;
  const std::string name = sidecar_name(status);
  if (renameat(sidecar->folder(), sidecar->name().c_str(), folder.get(), name.c_str()) != 0) {
    return errno_error(errno, "keeping the metadata", key);
  }
  sidecar->placed();
  return sync(folder.get(), key);
}

void DirTree::remove_sidecar(const struct stat& status) const {
  int error = 0;
  const Fd folder = open_private(sidecar_folder, false, error);
  if (folder) unlinkat(folder.get(), sidecar_name(status).c_str(), 0);
}

// Gives the file everything that it must have before it is seen.
Result<void> DirTree::seal(const StagedFile& staged, const Metadata& metadata,
                           const std::string& key) {
  const bool in_attributes = set_metadata_attributes(staged.file(), metadata);
  // A time of its own tells this version from one with the same inode within a tick of the file
  // system's clock.
  const int64_t time = unique_time();
  const timespec times[2] = {{0, UTIME_OMIT}, {time / 1'000'000'000, time % 1'000'000'000}};
  if (futimens(staged.file(), times) != 0)
    return errno_error(errno, "setting the time of the object", key);
  if (!in_attributes) {
    if (auto written = write_sidecar(staged, metadata, key); !written) return written;
  }
  return sync(staged.file(), key);
}

Result<ObjectInfo> DirTree::commit(const std::string& key, StagedFile staged,
                                   const Metadata& metadata, const Precondition& condition) {
  if (auto error = check_key(key)) return *error;
  if (auto sealed = seal(staged, metadata, key); !sealed) return sealed.error();
  const auto path = plain_path(key);
  bool in_place = false;
  Result<ObjectInfo> result = [&]() -> Result<ObjectInfo> {
    const auto locked = lock('k', key);
    if (!locked) return locked.error();
    if (auto error = check(key, condition)) return *error;
    if (path && path->marker) return commit_folder(*path, staged, metadata, key, in_place);
    return commit_file(path, staged, condition.if_none_match, key, in_place);
  }();
  // Folders made for nothing. Without the lock, for prune takes locks of the same kind.
  if (path && !in_place) prune(folders_of(*path));
  return result;
}

Result<ObjectInfo> DirTree::commit_file(const std::optional<PlainPath>& path, StagedFile& staged,
                                        bool exclusive, const std::string& key,
                                        bool& in_place) const {
  auto placed = Result<Placing>(Placing::occupied);
  if (path) placed = place(path->folders, path->leaf, staged, exclusive, key);
  if (!placed) return placed.error();
  if (*placed == Placing::exists) return key_error(Code::already_exists, key, "the object exists");
  in_place = *placed == Placing::done;
  if (in_place) {
    remove_odd(key);
  } else if (auto odd = place_odd(staged, key); !odd) {
    return odd.error();
  }
  struct stat status {};
  if (fstat(staged.file(), &status) != 0)
    return errno_error(errno, "looking at the new object", key);
  return ObjectInfo{.key = key,
                    .size = static_cast<uint64_t>(status.st_size),
                    .etag = etag_of(status),
                    .last_modified_ns = to_ns(status.st_mtim)};
}

Result<ObjectInfo> DirTree::commit_folder(const PlainPath& path, StagedFile& staged,
                                          const Metadata& metadata, const std::string& key,
                                          bool& in_place) {
  struct stat status {};
  if (fstat(staged.file(), &status) != 0)
    return errno_error(errno, "looking at the new object", key);
  if (status.st_size == 0) {
    auto marked = place_mark(path, metadata, key);
    if (!marked) return marked.error();
    if (*marked) {
      in_place = true;
      remove_odd(key);
      return std::move(**marked);
    }
  }
  auto info = commit_file(std::nullopt, staged, false, key, in_place);
  if (!info) return info;
  int error = 0;
  const Fd folder = open_folder(folders_of(path), false, error);
  if (folder) remove_folder_mark(folder.get());
  return info;
}

Result<DirTree::Placing> DirTree::place(const std::vector<std::string>& folders,
                                        const std::string& leaf, StagedFile& staged, bool exclusive,
                                        const std::string& key) const {
  int error = 0;
  for (int tries = 0; tries < max_tries; ++tries) {
    const Fd parent = open_folder(folders, true, error);
    if (!parent && error == ENOENT) continue;
    if (!parent && is_no_such_path(error)) return Placing::occupied;
    if (!parent) return errno_error(error, "opening the object's folder", key);

    struct stat old {};
    const bool replaces = fstatat(parent.get(), leaf.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (replaces && !S_ISREG(old.st_mode)) return Placing::occupied;
    error = 0;
    if (exclusive) {
      error = rename_exclusively(staged, parent.get(), leaf);
    } else if (renameat(staged.folder(), staged.name().c_str(), parent.get(), leaf.c_str()) != 0) {
      error = errno;
    }
    if (error == 0) {
      staged.placed();
      if (replaces) remove_sidecar(old);
      if (auto synced = sync(parent.get(), key); !synced) return synced.error();
      return Placing::done;
    }
    if (error == EEXIST && is_regular_file(parent.get(), leaf)) return Placing::exists;
    if (error == EEXIST || error == EISDIR || error == ENOTDIR || error == ENAMETOOLONG ||
        error == EINVAL) {
      return Placing::occupied;
    }
    if (error != ENOENT) return errno_error(error, "placing the object", key);
  }
  return errno_error(error, "placing the object", key);
}

Result<void> DirTree::place_odd(StagedFile& staged, const std::string& key) const {
  const auto placed = place(odd_folders(key), odd_path(key).back(), staged, false, key);
  if (!placed) return placed.error();
  if (*placed != Placing::done)
    return key_error(Code::internal, key, "something is in the way in .penstock/odd");
  return {};
}

// Nothing: the folder cannot be made or marked, so the key must lie elsewhere.
Result<std::optional<ObjectInfo>> DirTree::place_mark(const PlainPath& path,
                                                      const Metadata& metadata,
                                                      const std::string& key) {
  const std::vector<std::string> folders = folders_of(path);
  int error = 0;
  Fd folder;
  for (int tries = 0; tries < max_tries && !folder; ++tries) {
    folder = open_folder(folders, true, error);
    if (!folder && error != ENOENT) break;
  }
  if (!folder && is_no_such_path(error)) return std::optional<ObjectInfo>();
  if (!folder) return errno_error(error, "making the folder", key);
  const FolderMark mark{unique_time(), metadata};
  error = set_folder_mark(folder.get(), mark);
  if (error == EROFS || error == EDQUOT || error == EIO)
    return errno_error(error, "marking the folder", key);
  // No room or no extended attributes here.
  if (error != 0) return std::optional<ObjectInfo>();
  if (auto synced = sync(folder.get(), key); !synced) return synced.error();
  auto info = folder_object(folder.get(), key, false);
  if (!info) return key_error(Code::internal, key, "the folder's mark is gone");
  info->metadata.reset();
  return std::optional<ObjectInfo>(std::move(info));
}

Result<void> DirTree::remove_plain(const PlainPath& path, const std::string& key) const {
  int error = 0;
  const Fd parent = open_folder(path.folders, false, error);
  if (!parent && is_no_such_path(error)) return {};
  if (!parent) return errno_error(error, "opening the object's folder", key);
  struct stat status {};
  if (fstatat(parent.get(), path.leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (is_no_such_path(errno)) return {};
    return errno_error(errno, "looking at the object", key);
  }
  if (path.marker) {
    if (!S_ISDIR(status.st_mode)) return {};
    const Fd folder(
        openat(parent.get(), path.leaf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return errno_error(errno, "opening the folder", key);
    remove_folder_mark(folder.get());
    if (!is_empty_folder(folder.get(), false)) return sync(folder.get(), key);
    if (unlinkat(parent.get(), path.leaf.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      if (errno != ENOTEMPTY && errno != EEXIST)
        return errno_error(errno, "removing the folder", key);
      // Another call may have put an object there in the meantime: then all is well.
      if (is_empty_folder(folder.get(), false)) {
        return key_error(Code::not_empty, key,
                         "the folder holds links or special files, which are no objects");
      }
    }
    return sync(parent.get(), key);
  }
  if (!S_ISREG(status.st_mode)) return {};
  if (unlinkat(parent.get(), path.leaf.c_str(), 0) != 0 && errno != ENOENT) {
    return errno_error(errno, "removing the object", key);
  }
  remove_sidecar(status);
  return sync(parent.get(), key);
}

void DirTree::remove_odd(const std::string& key) const {
  int error = 0;
  std::vector<std::string> folders = odd_folders(key);
  const std::string leaf = odd_path(key).back();
  const Fd parent = open_folder(folders, false, error);
  struct stat status {};
  if (!parent || fstatat(parent.get(), leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (unlinkat(parent.get(), leaf.c_str(), 0) != 0) return;
  remove_sidecar(status);
  if (sync_) fsync(parent.get());
  for (; folders.size() > 2; folders.pop_back()) {
    const Fd above = open_folder(std::span(folders).first(folders.size() - 1), false, error);
    if (!above || unlinkat(above.get(), folders.back().c_str(), AT_REMOVEDIR) != 0) return;
  }
}

Result<void> DirTree::remove(const std::string& key) {
  if (auto error = check_key(key)) return *error;
  const auto path = plain_path(key);
  {
    const auto locked = lock('k', key);
    if (!locked) return locked.error();
    if (path) {
      if (auto removed = remove_plain(*path, key); !removed) return removed;
    }
    remove_odd(key);
  }
  if (path) prune(path->folders);
  return {};
}

// Removes the folder and those above it as long as they are empty and unmarked.
void DirTree::prune(std::vector<std::string> folders) const {
  for (; !folders.empty(); folders.pop_back()) {
    std::string key;
    for (const auto& name : folders) key.append(name).append("/");
    // Nobody marks the folder between the look at it and its removal.
    const auto locked = lock('k', key);
    int error = 0;
    const Fd parent = open_folder(std::span(folders).first(folders.size() - 1), false, error);
    const Fd folder = parent ? open_folder(folders, false, error) : Fd();
    if (!locked || !folder || folder_mark(folder.get())) return;
    if (unlinkat(parent.get(), folders.back().c_str(), AT_REMOVEDIR) != 0) return;
  }
}

}  // namespace penstock
