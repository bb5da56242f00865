// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/wall_clock.h"
#include "store/dir/dir_listing.h"

namespace penstock {
namespace {

constexpr size_t max_key_bytes = 1024;

}  // namespace

Result<void> DirWalk::start() {
  // The deepest folder that every wanted key lies in.
  const size_t slash = prefix_.rfind('/');
  const std::string base =
      slash == std::string::npos ? std::string() : prefix_.substr(0, slash + 1);
  std::vector<std::string> folders;
  if (!base.empty()) {
    auto path = plain_path(base);
    if (!path) return {};
    folders = std::move(path->folders);
    folders.push_back(std::move(path->leaf));
  }
  int error = 0;
  Fd folder = tree_.open_folder(folders, false, error);
  if (folder) return push(base, std::move(folder));
  // A root that is missing is no empty store.
  if (!folders.empty() && is_no_such_path(error)) return {};
  return errno_error(error, "opening the folder", base);
}

Result<void> DirWalk::push(std::string prefix, Fd folder) {
  Frame frame{std::move(prefix), std::move(folder), nullptr, 0, false};
  int error = 0;
  frame.names = cache_.read(frame.folder.get(), frame.prefix.empty(), error);
  if (frame.names == nullptr) return errno_error(error, "reading the folder", frame.prefix);
  frame.own_object_pending =
      !frame.prefix.empty() && frame.prefix > after_ && frame.prefix.starts_with(prefix_);
  frame.next = first_name(frame);
  frames_.push_back(std::move(frame));
  return {};
}

// The first name in the folder that can lead to a key behind after_ and with prefix_.
size_t DirWalk::first_name(const Frame& frame) const {
  const auto& names = *frame.names;
  auto first = names.begin();
  if (after_.starts_with(frame.prefix)) {
    const std::string rest = after_.substr(frame.prefix.size());
    const size_t slash = rest.find('/');
    if (slash == std::string::npos) {
      first = std::upper_bound(names.begin(), names.end(), rest);
    } else {
      // Inside a folder: there it goes on, unless that folder is one entry, which has been given
      // out.
      const std::string folder = rest.substr(0, slash + 1);
      first = std::lower_bound(names.begin(), names.end(), folder);
      if (by_directory_ && first != names.end() && *first == folder) ++first;
    }
  } else if (after_ > frame.prefix) {
    first = names.end();
  }
  if (prefix_.size() > frame.prefix.size()) {
    first = std::max(
        first, std::lower_bound(names.begin(), names.end(), prefix_.substr(frame.prefix.size())));
  }
  return static_cast<size_t>(first - names.begin());
}

// Goes into a folder; false if it is none any more.
Result<bool> DirWalk::enter(const Frame& parent, const std::string& name, std::string key) {
  const std::string bare = name.substr(0, name.size() - 1);
  Fd folder(
      openat(parent.folder.get(), bare.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && is_no_such_path(errno)) return false;
  if (!folder) return errno_error(errno, "opening the folder", key);
  if (auto pushed = push(std::move(key), std::move(folder)); !pushed) return pushed.error();
  return true;
}

Result<std::optional<ListedEntry>> DirWalk::next() {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (std::exchange(frame.own_object_pending, false)) {
      if (auto info = tree_.folder_object(frame.folder.get(), frame.prefix, frame.names->empty())) {
        const bool unmarked = info->etag.starts_with('f');
        info->metadata.reset();
        return std::optional(ListedEntry{frame.prefix, false, std::move(info), unmarked});
      }
    }
    if (frame.next == frame.names->size()) {
      frames_.pop_back();
      continue;
    }
    const std::string& name = (*frame.names)[frame.next++];
    std::string key = frame.prefix + name;
    if (!key.starts_with(prefix_)) {
      // Names are in order, so those that follow do not have the prefix either.
      frames_.pop_back();
      continue;
    }
    if (key.size() > max_key_bytes) continue;  // Another program's: no key can name it.
    if (name.ends_with('/')) {
      if (by_directory_)
        return std::optional(ListedEntry{std::move(key), true, std::nullopt, false});
      // Entering moves frames_, so `frame` and `name` are not used again.
      if (auto entered = enter(frame, name, std::move(key)); !entered) return entered.error();
      continue;
    }
    struct stat status {};
    if (fstatat(frame.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;  // Gone since the folder was read.
    }
    ObjectInfo info{.key = key,
                    .size = static_cast<uint64_t>(status.st_size),
                    .etag = etag_of(status),
                    .last_modified_ns = to_ns(status.st_mtim)};
    return std::optional(ListedEntry{std::move(key), false, std::move(info), false});
  }
  return std::optional<ListedEntry>();
}

}  // namespace penstock
