// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "simulation/kernel.h"

namespace penstock::sim {
namespace {

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> names;
  size_t from = 0;
  while (from < path.size()) {
    const size_t slash = path.find('/', from);
    const size_t end = slash == std::string::npos ? path.size() : slash;
    if (end > from) names.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return names;
}

}  // namespace

/// What a system call that takes a path does with ESTALE: once more, with every name looked up.
template <typename F>
int Kernel::again_if_stale(F&& call) {
  const int error = call(Walk::plain);
  return error == ESTALE ? call(Walk::reval) : error;
}

int Kernel::refresh(Process& process, const KNodePtr& node, bool only_if_stale) {
  if (only_if_stale && world.now() < node->attributes_expire) return 0;
  const uint64_t version = attribute_version_;
  const fuse_ino_t id = node->id;
  const Answer answer = request(&process, "getattr", path_of(*node),
                                [this, id](fuse_req* r) { operations_.getattr(r, id, nullptr); });
  if (answer.error != 0) return answer.error;
  if ((answer.attributes.st_mode & S_IFMT) != (node->attributes.st_mode & S_IFMT)) return EIO;
  change_attributes(*node, answer.attributes, answer.attribute_timeout, version);
  return 0;
}

int Kernel::permission(Process& process, const KNodePtr& node) {
  return refresh(process, node, true);
}

int Kernel::look_up(Process& process, const KNodePtr& directory, const std::string& name, Walk how,
                    KNodePtr& out, bool directory_locked) {
  const std::string text = path_of(*directory, name);
  const auto send = [this, directory, name](fuse_req* r) {
    operations_.lookup(r, directory->id, name.c_str());
  };
  const auto cached = directory->children.find(name);
  if (cached != directory->children.end()) {
    const KNodePtr node = cached->second.node;
    if (how == Walk::plain && world.now() < cached->second.expires) {
      if (node != nullptr) directory->advise_plus = true;
      out = node;
      return 0;
    }
    if (node != nullptr) {
      // An expired dentry is asked for again, without the folder's lock.
      ++node->users;
      const uint64_t version = attribute_version_;
      const Answer answer = request(&process, "lookup", text, send);
      const bool same = answer.error == 0 && answer.entry.ino == node->id &&
                        (answer.entry.attr.st_mode & S_IFMT) == (node->attributes.st_mode & S_IFMT);
      if (same) {
        ++node->lookups;
        change_attributes(*node, answer.entry.attr, answer.entry.attr_timeout, version);
        const auto still = directory->children.find(name);
        if (still != directory->children.end() && still->second.node == node)
          still->second.expires =
              world.now() + static_cast<Nanos>(answer.entry.entry_timeout * 1e9);
        // Its dentry may have been dropped meanwhile: then who gets it here is the last who has it.
        --node->users;
        out = node;
        return 0;
      }
      if (answer.error == 0 && answer.entry.ino != 0) queue_forget(answer.entry.ino, 1);
      const auto still = directory->children.find(name);
      if (still != directory->children.end() && still->second.node == node)
        drop_dentry(*directory, name);
      unuse(node);
      if (answer.error == EINTR || answer.error == ENOMEM) return answer.error;
    } else {
      drop_dentry(*directory, name);
    }
  }
  if (!directory_locked) directory->lock.lock();
  const uint64_t version = attribute_version_;
  const Answer answer = request(&process, "lookup", text, send);
  int error = 0;
  out = nullptr;
  if (answer.error == 0 && answer.entry.ino != 0) {
    out = take(answer.entry, version);
    place(directory, name, out, answer.entry.entry_timeout);
  } else if (answer.error == 0) {
    place(directory, name, nullptr, answer.entry.entry_timeout);
  } else if (answer.error != ENOENT) {
    error = answer.error;
  }
  if (!directory_locked) directory->lock.unlock();
  return error;
}

/// All names but the last: the folder and the last name.
int Kernel::walk(Process& process, const KNodePtr& start, const std::string& path, Walk how,
                 Found& out) {
  const std::vector<std::string> names = split(path);
  KNodePtr at = start;
  out.pinned.set(at);
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (const int error = permission(process, at)) return error;
    KNodePtr next;
    if (const int error = look_up(process, at, names[i], how, next, false)) return error;
    if (next == nullptr) return ENOENT;
    if (!next->directory()) return ENOTDIR;
    at = next;
    out.pinned.set(at);
  }
  out.directory = at;
  out.name = names.empty() ? "" : names.back();
  out.node = names.empty() ? at : nullptr;
  return names.empty() ? 0 : permission(process, at);
}

int Kernel::look_up_last(Process& process, Found& found, Walk how, bool directory_locked) {
  const int error =
      look_up(process, found.directory, found.name, how, found.node, directory_locked);
  found.held.set(found.node);
  return error;
}

int Kernel::last(Process& process, const KNodePtr& start, const std::string& path, Walk how,
                 Found& out) {
  if (const int error = walk(process, start, path, how, out)) return error;
  if (out.name.empty()) return 0;
  if (const int error = look_up_last(process, out, how, false)) return error;
  return out.node == nullptr ? ENOENT : 0;
}

int Kernel::stat(Process& process, const KNodePtr& start, const std::string& path,
                 struct stat& out) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = last(process, start, path, how, found)) return error;
    if (const int error = refresh(process, found.node, true)) return error;
    out = found.node->attributes;
    return 0;
  });
}

int Kernel::fstat(Process& process, OpenFile& file, struct stat& out) {
  if (const int error = refresh(process, file.node, true)) return error;
  out = file.node->attributes;
  return 0;
}

int Kernel::open(Process& process, const KNodePtr& start, const std::string& path, int flags,
                 OpenFilePtr& out) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if ((flags & O_CREAT) == 0) {
      if (const int error = last(process, start, path, how, found)) return error;
      return open_node(process, found.node, flags, out);
    }
    if (const int error = walk(process, start, path, how, found)) return error;
    if (found.name.empty()) return EISDIR;
    // An exclusive create believes no cached name.
    const Walk final = (flags & O_EXCL) != 0 ? Walk::reval : how;
    {
      const FiberGuard guard(found.directory->lock);
      if (const int error = look_up_last(process, found, final, true)) return error;
      if (found.node == nullptr) return create(process, found, flags, out);
    }
    if ((flags & O_EXCL) != 0) return EEXIST;
    return open_node(process, found.node, flags, out);
  });
}

int Kernel::unlink(Process& process, const KNodePtr& start, const std::string& path,
                   bool directory) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = walk(process, start, path, how, found)) return error;
    if (found.name.empty()) return EBUSY;
    const FiberGuard guard(found.directory->lock);
    if (const int error = look_up_last(process, found, how, true)) return error;
    if (found.node == nullptr) return ENOENT;
    if (directory != found.node->directory()) return directory ? ENOTDIR : EISDIR;
    const fuse_ino_t parent = found.directory->id;
    const FiberGuard victim(found.node->lock);
    const Answer answer = locked_request(process, directory ? "rmdir" : "unlink",
                                         {path_of(*found.directory, found.name)}, directory,
                                         [this, parent, name = found.name, directory](fuse_req* r) {
                                           directory ? operations_.rmdir(r, parent, name.c_str())
                                                     : operations_.unlink(r, parent, name.c_str());
                                         });
    if (answer.error == 0) {
      invalid(*found.directory);
      invalid(*found.node);
      found.node->deleted = true;
    }
    if (answer.error == 0 || answer.error == EINTR || answer.error == ENOENT)
      drop_dentry(*found.directory, found.name);
    return answer.error;
  });
}

/// Asks for a new name in a folder that is locked.
int Kernel::make(Process& process, const Found& where, const char* operation,
                 std::vector<std::string> paths, Send send) {
  const Answer answer = locked_request(process, operation, std::move(paths), true, std::move(send));
  if (answer.error == EEXIST) drop_dentry(*where.directory, where.name);
  if (answer.error != 0) return answer.error;
  const KNodePtr made = take(answer.entry, 0);
  place(where.directory, where.name, made, answer.entry.entry_timeout);
  invalid(*where.directory);
  return 0;
}

int Kernel::mkdir(Process& process, const KNodePtr& start, const std::string& path) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = walk(process, start, path, how, found)) return error;
    if (found.name.empty()) return EEXIST;
    const FiberGuard guard(found.directory->lock);
    if (const int error = look_up_last(process, found, Walk::reval, true)) return error;
    if (found.node != nullptr) return EEXIST;
    return make(process, found, "mkdir", {path_of(*found.directory, found.name)},
                [this, parent = found.directory->id, name = found.name](fuse_req* r) {
                  operations_.mkdir(r, parent, name.c_str(), 0755);
                });
  });
}

int Kernel::symlink(Process& process, const KNodePtr& start, const std::string& target,
                    const std::string& path) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = walk(process, start, path, how, found)) return error;
    if (found.name.empty()) return EEXIST;
    const FiberGuard guard(found.directory->lock);
    if (const int error = look_up_last(process, found, Walk::reval, true)) return error;
    if (found.node != nullptr) return EEXIST;
    return make(process, found, "symlink", {path_of(*found.directory, found.name)},
                [this, target, parent = found.directory->id, name = found.name](fuse_req* r) {
                  operations_.symlink(r, target.c_str(), parent, name.c_str());
                });
  });
}

int Kernel::link(Process& process, const KNodePtr& start, const std::string& from,
                 const std::string& to) {
  return again_if_stale([&](Walk how) {
    Found source(*this);
    Found target(*this);
    Pin pinned(*this);
    if (const int error = last(process, start, from, how, source)) return error;
    pinned.set(source.node);
    if (const int error = walk(process, start, to, how, target)) return error;
    if (target.name.empty()) return EEXIST;
    const FiberGuard guard(target.directory->lock);
    if (const int error = look_up_last(process, target, Walk::reval, true)) return error;
    if (target.node != nullptr) return EEXIST;
    if (source.node->directory()) return EPERM;
    const FiberGuard linked(source.node->lock);
    return make(
        process, target, "link", {path_of(*target.directory, target.name), path_of(*source.node)},
        [this, id = source.node->id, parent = target.directory->id,
         name = target.name](fuse_req* r) { operations_.link(r, id, parent, name.c_str()); });
  });
}

int Kernel::readlink(Process& process, const KNodePtr& start, const std::string& path,
                     std::string& target) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    Pin pinned(*this);
    if (const int error = last(process, start, path, how, found)) return error;
    pinned.set(found.node);
    if (!found.node->link()) return EINVAL;
    Answer answer =
        request(&process, "readlink", path_of(*found.node),
                [this, id = found.node->id](fuse_req* r) { operations_.readlink(r, id); });
    if (answer.error == 0) target = std::move(answer.data);
    return answer.error;
  });
}

int Kernel::rename(Process& process, const KNodePtr& start, const std::string& from,
                   const std::string& to, bool no_replace) {
  return again_if_stale([&](Walk how) {
    Found source(*this);
    Found target(*this);
    if (const int error = walk(process, start, from, how, source)) return error;
    if (const int error = walk(process, start, to, how, target)) return error;
    if (source.name.empty() || target.name.empty()) return EBUSY;
    // The folders are locked in one order for all.
    KNodePtr lower = source.directory;
    KNodePtr higher = target.directory;
    if (higher->id < lower->id) std::swap(lower, higher);
    const FiberGuard one(lower->lock);
    std::optional<FiberGuard> two;
    if (higher != lower) two.emplace(higher->lock);
    if (const int error = look_up_last(process, source, how, true)) return error;
    if (source.node == nullptr) return ENOENT;
    if (const int error = look_up_last(process, target, Walk::reval, true)) return error;
    for (KNodePtr above = source.directory; above != nullptr && above != root_;
         above = above->parent.lock()) {
      if (above == target.node) return ENOTEMPTY;
    }
    if (target.node != nullptr) {
      if (no_replace) return EEXIST;
      if (target.node == source.node) return 0;
      if (source.node->directory() != target.node->directory())
        return source.node->directory() ? ENOTDIR : EISDIR;
    }
    for (KNodePtr above = target.directory; above != nullptr && above != root_;
         above = above->parent.lock()) {
      if (above == source.node) return EINVAL;
    }
    const fuse_ino_t old_parent = source.directory->id;
    const fuse_ino_t new_parent = target.directory->id;
    const Answer answer = locked_request(
        process, "rename",
        {path_of(*source.directory, source.name), path_of(*target.directory, target.name)}, true,
        [this, old_parent, new_parent, old_name = source.name, new_name = target.name,
         no_replace](fuse_req* r) {
          operations_.rename(r, old_parent, old_name.c_str(), new_parent, new_name.c_str(),
                             no_replace ? 1 : 0);
        });
    if (answer.error == 0) {
      invalid(*source.directory);
      invalid(*target.directory);
      Nanos expires = 0;
      const auto old = source.directory->children.find(source.name);
      if (old != source.directory->children.end() && old->second.node == source.node) {
        expires = old->second.expires;
        source.directory->children.erase(old);
      }
      if (target.node != nullptr) {
        target.node->deleted = true;
        invalid(*target.node);
      }
      drop_dentry(*target.directory, target.name);
      place(target.directory, target.name, source.node, 0);
      target.directory->children[target.name].expires = expires;
    } else if (answer.error == EINTR || answer.error == ENOENT) {
      drop_dentry(*source.directory, source.name);
      if (target.node != nullptr) drop_dentry(*target.directory, target.name);
    }
    return answer.error;
  });
}

int Kernel::chmod(Process& process, const KNodePtr& start, const std::string& path, mode_t mode) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = last(process, start, path, how, found)) return error;
    if (found.node->link()) return ELOOP;
    OpenFile file;
    file.node = found.node;
    return fchmod(process, file, mode);
  });
}

int Kernel::fchmod(Process& process, OpenFile& file, mode_t mode) {
  const KNodePtr node = file.node;
  const FiberGuard guard(node->lock);
  ++node->users;
  struct stat wanted {};
  wanted.st_mode = mode;
  const uint64_t version = attribute_version_;
  const Answer answer =
      locked_request(process, "chmod", {path_of(*node)}, false,
                     [this, id = node->id, wanted](fuse_req* r) mutable {
                       operations_.setattr(r, id, &wanted, FUSE_SET_ATTR_MODE, nullptr);
                     });
  if (answer.error == 0)
    change_attributes(*node, answer.attributes, answer.attribute_timeout, version);
  else if (answer.error == EINTR)
    invalid(*node);
  unuse(node);
  return answer.error;
}

int Kernel::set_xattr(Process& process, const KNodePtr& start, const std::string& path,
                      const std::string& name, const std::string& value) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = last(process, start, path, how, found)) return error;
    if (found.node->link()) return ELOOP;
    const FiberGuard guard(found.node->lock);
    const Answer answer =
        locked_request(process, "setxattr", {path_of(*found.node)}, false,
                       [this, id = found.node->id, name, value](fuse_req* r) {
                         operations_.setxattr(r, id, name.c_str(), value.data(), value.size(), 0);
                       });
    if (answer.error == 0) invalid(*found.node);
    return answer.error;
  });
}

int Kernel::chdir(Process& process, const KNodePtr& start, const std::string& path) {
  return again_if_stale([&](Walk how) {
    Found found(*this);
    if (const int error = last(process, start, path, how, found)) return error;
    if (!found.node->directory()) return ENOTDIR;
    if (const int error = permission(process, found.node)) return error;
    ++found.node->users;
    const KNodePtr before = std::exchange(process.cwd, found.node);
    if (before != nullptr) unuse(before);
    return 0;
  });
}

}  // namespace penstock::sim
