// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse_name_ops.h"

#include <linux/fs.h>
#include <sys/stat.h>

#include <cerrno>

namespace penstock {
namespace {

FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    default:
      return FileType::file;
  }
}

FuseReply reply_to(fuse_req_t request, FileOperation operation) {
  return {request, context_of(request).reply(), operation, Effect::change};
}

Done<void> answer_changed(fuse_req_t request, FileOperation operation,
                          std::vector<ChangedNames::Name> names) {
  FuseContext& context = context_of(request);
  return [changed = ChangedNames(context, std::move(names)),
          reply = reply_to(request, operation)](const Result<void>& result) mutable {
    changed.answered(result ? reply.ok() : reply.error(result.error()));
  };
}

/// For operations that make a name.
Done<Entry> answer_made(FuseContext& context, FuseReply reply, InodeId parent, std::string name) {
  std::vector<ChangedNames::Name> names;
  names.emplace_back(parent, std::move(name));
  return [&context, changed = ChangedNames(context, std::move(names)),
          reply = std::move(reply)](const Result<Entry>& entry) mutable {
    changed.answered(entry ? answer_with(context, reply, *entry) : reply.error(entry.error()));
  };
}

void op_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  FuseContext& context = context_of(request);
  FuseReply reply = reply_to(request, FileOperation::mkdir);
  const Caller caller = reply.caller();
  context.file_system->mkdir(parent, name, mode & 07777, caller,
                             answer_made(context, std::move(reply), parent, name));
}

void make_node(fuse_req_t request, FileOperation operation, fuse_ino_t parent, const char* name,
               NewNode node) {
  FuseContext& context = context_of(request);
  FuseReply reply = reply_to(request, operation);
  const Caller caller = reply.caller();
  context.file_system->make_node(parent, name, std::move(node), caller,
                                 answer_made(context, std::move(reply), parent, name));
}

void op_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  make_node(request, FileOperation::mknod, parent, name,
            {.type = type_of(mode),
             .mode = mode & 07777,
             .device = static_cast<uint32_t>(device),
             .target = {}});
}

void op_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  make_node(request, FileOperation::symlink, parent, name,
            {.type = FileType::symlink, .mode = 0777, .target = target});
}

void op_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t parent, const char* name) {
  FuseContext& context = context_of(request);
  context.file_system->link(
      OpenModes::inode_of(node), parent, name,
      answer_made(context, reply_to(request, FileOperation::link), parent, name));
}

void op_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  context_of(request).file_system->rmdir(
      parent, name, answer_changed(request, FileOperation::rmdir, {{parent, name}}));
}

void op_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  context_of(request).file_system->unlink(
      parent, name, answer_changed(request, FileOperation::unlink, {{parent, name}}));
}

void op_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned int flags) {
  if (flags == RENAME_EXCHANGE) {
    context_of(request).file_system->exchange(
        parent, name, new_parent, new_name,
        answer_changed(request, FileOperation::rename, {{parent, name}, {new_parent, new_name}}));
    return;
  }
  if ((flags & ~static_cast<unsigned int>(RENAME_NOREPLACE)) != 0) {
    fuse_reply_err(
        request, EINVAL);  // what rename(2) documents for flags that a file system does not support
    return;
  }
  FuseContext& context = context_of(request);
  context.file_system->rename(
      parent, name, new_parent, new_name, flags != 0,
      [changed = ChangedNames(context, {{parent, name}, {new_parent, new_name}}),
       reply = reply_to(request, FileOperation::rename)](const Result<void>& renamed) mutable {
        // The kernel has looked the new name up before it asked, and knows of none. It finds what
        // is there, and says itself that it is, when it looks once more.
        const bool taken = !renamed && renamed.code() == Code::already_exists;
        if (taken) return changed.answered(reply.again());
        changed.answered(renamed ? reply.ok() : reply.error(renamed.error()));
      });
}

}  // namespace

void add_name_operations(fuse_lowlevel_ops& operations) {
  operations.mkdir = op_mkdir;
  operations.mknod = op_mknod;
  operations.symlink = op_symlink;
  operations.link = op_link;
  operations.rmdir = op_rmdir;
  operations.unlink = op_unlink;
  operations.rename = op_rename;
}

}  // namespace penstock
