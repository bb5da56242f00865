// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse_ops.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/wall_clock.h"
#include "frontend/cache_request.h"
#include "frontend/directory_answer.h"
#include "frontend/fuse_name_ops.h"
#include "frontend/fuse_range_ops.h"
#include "frontend/io_uring.h"
#include "frontend/passthrough.h"
#include "frontend/set_ids.h"

namespace penstock {

namespace {

void forget_attributes(FuseContext& context, fuse_ino_t node) {
  fuse_lowlevel_notify_inval_inode(context.session, node, -1, 0);  // no pages
}

}  // namespace

FuseContext& context_of(fuse_req_t request) {
  auto& context = *static_cast<FuseContext*>(fuse_req_userdata(request));
  // Every operation comes by here, on the thread that libfuse calls it on.
  if (context.features.io_uring.on) refuse_cancellation();
  return context;
}

ProcessId process_of(FuseContext& context, const FuseReply& reply) {
  return context.processes->of(reply.thread());
}

void drop_set_ids(FuseContext& context, fuse_ino_t node, const fuse_file_info& info, bool all) {
  if (context.file_system->drop_set_ids(info.fh, all)) forget_attributes(context, node);
}

Done<void> answer(FuseReply reply) {
  return [reply = std::move(reply)](const Result<void>& result) mutable {
    if (result) {
      reply.ok();
    } else {
      reply.error(result.error());
    }
  };
}

Done<void> answer_change(fuse_req_t request, FileOperation operation) {
  return answer(FuseReply(request, context_of(request).reply(), operation, Effect::change));
}

void forget(FuseContext& context, NodeId node, uint64_t count) {
  context.modes.forget(node, count);
  context.file_system->forget(OpenModes::inode_of(node), count);
}

bool answer_with(FuseContext& context, FuseReply& reply, const Entry& entry) {
  const NodeId node = context.modes.refer(entry.attributes.inode);
  const bool heard = reply.entry(entry, node);
  if (!heard) forget(context, node, 1);
  return heard;
}

namespace {

Done<Attributes> answer_attributes(fuse_req_t request, FileOperation operation, Effect effect) {
  return [reply = FuseReply(request, context_of(request).reply(), operation, effect)](
             const Result<Attributes>& attributes) mutable {
    if (attributes) {
      reply.attributes(*attributes);
    } else {
      reply.error(attributes.error());
    }
  };
}

OpenFlags open_flags(FuseContext& context, const FuseReply& reply, int flags) {
  const int access = flags & O_ACCMODE;
  return OpenFlags{.read = access != O_WRONLY,
                   .write = access != O_RDONLY,
                   .truncate = (flags & O_TRUNC) != 0,
                   .process = access != O_RDONLY || (flags & O_CREAT) != 0
                                  ? process_of(context, reply)
                                  : unknown_process,
                   .thread = static_cast<uint64_t>(reply.thread())};
}

/// The mode of an open of `node`, which is counted unless it must go elsewhere.
OpenMode enter(FuseContext& context, NodeId node, const Opened& opened, int flags) {
  if (!context.features.passthrough.on) return {};
  const bool backed = opened.backing != nullptr && can_back(*opened.backing, flags);
  return context.modes.open(node, backed ? opened.backing : nullptr, *context.backings);
}

/// Undoes enter().
void leave(FuseContext& context, NodeId node) {
  if (context.features.passthrough.on) context.modes.release(node, *context.backings);
}

fuse_file_info file_info(const FuseContext& context, const Opened& opened, const OpenMode& mode,
                         int flags) {
  fuse_file_info info{};
  info.flags = flags;
  info.fh = opened.handle;
  if (mode.kind == OpenMode::Kind::passthrough) {
    set_backing_id(info, mode.backing_id);
  } else {
    info.direct_io = opened.direct_io && context.features.direct_writes_show ? 1 : 0;
    info.keep_cache = opened.keep_page_cache ? 1 : 0;
  }
  // One round trip less.
  info.noflush = opened.closes_quietly ? 1 : 0;
  return info;
}

void op_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  FuseContext& context = context_of(request);
  context.file_system->lookup(
      parent, name,
      [&context, parent, name = std::string(name), asked = std::chrono::steady_clock::now(),
       reply = FuseReply(request, context.reply(), FileOperation::lookup, Effect::none)](
          const Result<Entry>& entry) mutable {
        // The store may have been asked as early as that.
        const auto age = std::chrono::steady_clock::now() - asked;
        if (!entry && entry.code() == Code::not_found) {
          context.file_system->found_nothing(parent, name, static_cast<uint64_t>(reply.thread()));
        }
        if (entry) {
          answer_with(context, reply, *entry);
        } else if (entry.code() == Code::not_found && age < context.negative_ttl) {
          reply.no_entry(
              std::chrono::duration_cast<std::chrono::milliseconds>(context.negative_ttl - age));
        } else {
          reply.error(entry.error());
        }
      });
}

void op_forget(fuse_req_t request, fuse_ino_t node, uint64_t count) {
  forget(context_of(request), node, count);
  fuse_reply_none(request);
}

void op_forget_multi(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i)
    forget(context_of(request), forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void op_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  context_of(request).file_system->getattr(
      OpenModes::inode_of(node), answer_attributes(request, FileOperation::getattr, Effect::part));
}

void op_setattr(fuse_req_t request, fuse_ino_t node, struct stat* attr, int valid,
                fuse_file_info*) {
  AttributeChange change;
  if ((valid & FUSE_SET_ATTR_MODE) != 0) change.mode = attr->st_mode & 07777;
  if ((valid & FUSE_SET_ATTR_UID) != 0) change.uid = attr->st_uid;
  if ((valid & FUSE_SET_ATTR_GID) != 0) change.gid = attr->st_gid;
  if ((valid & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<uint64_t>(attr->st_size);
  if ((valid & FUSE_SET_ATTR_MTIME_NOW) != 0) {
    change.mtime_ns = wall_clock_ns();
  } else if ((valid & FUSE_SET_ATTR_MTIME) != 0) {
    change.mtime_ns = to_ns(attr->st_mtim);
  }
  if ((valid & FUSE_SET_ATTR_ATIME_NOW) != 0) {
    change.atime_ns = change.mtime_ns && (valid & FUSE_SET_ATTR_MTIME_NOW) != 0 ? *change.mtime_ns
                                                                                : wall_clock_ns();
  } else if ((valid & FUSE_SET_ATTR_ATIME) != 0) {
    change.atime_ns = to_ns(attr->st_atim);
  }
  change.drop_set_ids = change.size && drops_set_ids(valid);
  context_of(request).file_system->setattr(
      OpenModes::inode_of(node), change,
      answer_attributes(request, FileOperation::setattr, Effect::change));
}

void op_readlink(fuse_req_t request, fuse_ino_t node) {
  context_of(request).file_system->read_link(
      OpenModes::inode_of(node),
      [reply = FuseReply(request, context_of(request).reply(), FileOperation::readlink,
                         Effect::none)](const Result<std::string>& target) mutable {
        target ? reply.link(*target) : reply.error(target.error());
      });
}

/// False where nobody heard it.
bool answer_created(FuseContext& context, FuseReply& reply, const Created& created, int flags) {
  const InodeId inode = created.entry.attributes.inode;
  NodeId node = context.modes.refer(inode);
  OpenMode mode = enter(context, node, created.opened, flags);
  // The kernel does not know the name yet: it can be given the new node at once.
  while (mode.kind == OpenMode::Kind::elsewhere) {
    context.modes.forget(node, 1);
    node = context.modes.refer(inode);
    mode = enter(context, node, created.opened, flags);
  }
  if (reply.created(created.entry, node, file_info(context, created.opened, mode, flags)))
    return true;
  leave(context, node);
  context.file_system->release(created.opened.handle);
  forget(context, node, 1);
  return false;
}

void op_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  FuseContext& context = context_of(request);
  const int flags = info->flags;
  FuseReply reply(request, context.reply(), FileOperation::create, Effect::change);
  const OpenFlags wanted = open_flags(context, reply, flags);
  const Caller caller = reply.caller();
  context.file_system->create(
      parent, name, mode & 07777, wanted, (flags & O_EXCL) != 0, caller,
      [&context, flags, changed = ChangedNames(context, {{parent, name}}),
       reply = std::move(reply)](const Result<Created>& created) mutable {
        if (created) return changed.answered(answer_created(context, reply, *created, flags));
        // The name was taken while this was under way: the kernel is asked to look it up again, as
        // after a rename.
        if (created.code() == Code::already_exists) return changed.answered(reply.again());
        changed.answered(reply.error(created.error()));
      });
}

/// The kernel shall open what it knows as `node` under another number.
void send_back(FuseContext& context, FuseReply& reply, NodeId node, uint64_t thread) {
  context.file_system->sent_back(OpenModes::inode_of(node), thread);
  reply.again();
}

void answer_opened(FuseContext& context, FuseReply& reply, NodeId node, const Opened& opened,
                   int flags, uint64_t thread) {
  const OpenMode mode = enter(context, node, opened, flags);
  if (mode.kind != OpenMode::Kind::elsewhere) {
    if (reply.opened(file_info(context, opened, mode, flags))) return;
    leave(context, node);
  } else {
    send_back(context, reply, node, thread);
  }
  context.file_system->release(opened.handle);
}

void op_open(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
  FuseContext& context = context_of(request);
  const int flags = info->flags;
  const Effect effect = (flags & O_TRUNC) != 0 ? Effect::change : Effect::none;
  FuseReply reply(request, context.reply(), FileOperation::open, effect);
  OpenFlags wanted = open_flags(context, reply, flags);
  wanted.drop_set_ids = wanted.truncate && drops_set_ids(*info);
  if ((wanted.write || wanted.truncate) && context.modes.moves(node)) {
    send_back(context, reply, node, wanted.thread);
    return;
  }
  context.file_system->open(
      OpenModes::inode_of(node), wanted,
      [&context, node, flags, thread = wanted.thread, dropped = wanted.drop_set_ids,
       reply = std::move(reply)](const Result<Opened>& opened) mutable {
        if (opened && dropped) forget_attributes(context, node);
        if (opened) {
          answer_opened(context, reply, node, *opened, flags, thread);
        } else {
          reply.error(opened.error());
        }
      });
}

void op_read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  FuseContext& context = context_of(request);
  const bool waits = context.file_system->may_wait_long(info->fh);
  FuseReply reply(request, context.reply(), FileOperation::read,
                  waits ? Effect::none : Effect::part);
  std::stop_token cancel = reply.cancel();
  context.file_system->read(info->fh, {static_cast<uint64_t>(offset), size}, std::move(cancel),
                            [reply = std::move(reply)](const Result<Slices>& slices) mutable {
                              if (slices) {
                                reply.data(*slices);
                              } else {
                                reply.error(slices.error());
                              }
                            });
}

void op_release(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
  FuseContext& context = context_of(request);
  context.file_system->release(info->fh);
  leave(context, node);
  fuse_reply_err(request, 0);
}

void op_ioctl(fuse_req_t request, fuse_ino_t, unsigned int command, void*, fuse_file_info* info,
              unsigned int flags, const void*, size_t, size_t out_size) {
  FuseContext& context = context_of(request);
  FuseReply reply(request, context.reply(), FileOperation::ioctl, Effect::none);
  // Programs ask other things of every file, such as whether it is a terminal (isatty).
  if (command != cache_share_request || (flags & FUSE_IOCTL_DIR) != 0 ||
      out_size < sizeof(CacheShare)) {
    reply.no_such_request();
    return;
  }
  context.file_system->cache_share(
      info->fh, [reply = std::move(reply)](const Result<CacheShare>& share) mutable {
        if (share) {
          reply.cache_share(*share);
        } else {
          reply.error(share.error());
        }
      });
}

void op_opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  FuseContext& context = context_of(request);
  context.file_system->open_directory(
      inode, [&context, reply = FuseReply(request, context.reply(), FileOperation::opendir,
                                          Effect::none)](Result<HandleId> handle) mutable {
        if (!handle) {
          reply.error(handle.error());
          return;
        }
        fuse_file_info info{};
        info.fh = *handle;
        if (!reply.opened(info)) context.file_system->release_directory(*handle);
      });
}

void read_directory(fuse_req_t request, size_t size, off_t offset, fuse_file_info* info,
                    bool plus) {
  FuseContext& context = context_of(request);
  // The smallest entry: its header (24 bytes, 152 with attributes) and a short name.
  const size_t smallest = plus ? 160 : 32;
  ReadDirectory ask{.handle = info->fh,
                    .cookie = static_cast<uint64_t>(offset),
                    .plus = plus,
                    .max_entries = size / smallest + 1};
  context.file_system->read_directory(
      ask, [&context, size, plus,
            reply = FuseReply(request, context.reply(), FileOperation::readdir, Effect::none)](
               const Result<std::vector<DirectoryEntry>>& entries) mutable {
        if (!entries) {
          reply.error(entries.error());
          return;
        }
        DirectoryAnswer answer(*entries, size, plus, context.modes, [&context](InodeId inode) {
          context.file_system->forget(inode, 1);
        });
        if (!reply.buffer(answer.bytes())) answer.take_back();
      });
}

void op_readdir(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  read_directory(request, size, offset, info, false);
}

void op_readdirplus(fuse_req_t request, fuse_ino_t, size_t size, off_t offset,
                    fuse_file_info* info) {
  read_directory(request, size, offset, info, true);
}

void op_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  context_of(request).file_system->release_directory(info->fh);
  fuse_reply_err(request, 0);
}

void op_fsyncdir(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) {
  context_of(request).file_system->sync_directory(inode,
                                                  answer_change(request, FileOperation::fsyncdir));
}

void op_statfs(fuse_req_t request, fuse_ino_t) {
  FuseContext& context = context_of(request);
  context.file_system->statfs(
      [reply = FuseReply(request, context.reply(), FileOperation::statfs, Effect::none)](
          const Result<FileSystemStats>& stats) mutable {
        if (stats) {
          reply.statfs(*stats);
        } else {
          reply.error(stats.error());
        }
      });
}

/// To getxattr(2) and listxattr(2): the size where they ask for that, else the bytes.
void answer_xattr(FuseReply& reply, std::string_view bytes, size_t room) {
  if (room == 0) {
    reply.xattr_size(bytes.size());
  } else if (bytes.size() > room) {
    reply.xattr_too_large();
  } else {
    reply.buffer(std::string(bytes));
  }
}

void op_getxattr(fuse_req_t request, fuse_ino_t node, const char* name, size_t room) {
  context_of(request).file_system->get_xattr(
      OpenModes::inode_of(node), name,
      [room, reply = FuseReply(request, context_of(request).reply(), FileOperation::getxattr,
                               Effect::none)](const Result<std::string>& value) mutable {
        value ? answer_xattr(reply, *value, room) : (void)reply.error(value.error());
      });
}

void op_listxattr(fuse_req_t request, fuse_ino_t node, size_t room) {
  context_of(request).file_system->list_xattrs(
      OpenModes::inode_of(node), [room, reply = FuseReply(request, context_of(request).reply(),
                                                          FileOperation::listxattr, Effect::none)](
                                     const Result<std::vector<std::string>>& names) mutable {
        if (!names) {
          reply.error(names.error());
          return;
        }
        std::string list;
        for (const std::string& name : *names) list.append(name).push_back('\0');
        answer_xattr(reply, list, room);
      });
}

void op_setxattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value,
                 size_t size, int flags) {
  const XattrMode mode = (flags & XATTR_CREATE) != 0    ? XattrMode::create
                         : (flags & XATTR_REPLACE) != 0 ? XattrMode::replace
                                                        : XattrMode::any;
  context_of(request).file_system->set_xattr(OpenModes::inode_of(node), name,
                                             std::string(value, size), mode,
                                             answer_change(request, FileOperation::setxattr));
}

void op_removexattr(fuse_req_t request, fuse_ino_t node, const char* name) {
  context_of(request).file_system->remove_xattr(OpenModes::inode_of(node), name,
                                                answer_change(request, FileOperation::removexattr));
}

void op_init(void* userdata, fuse_conn_info* connection) {
  const auto want = [connection](unsigned capability) {
    if ((connection->capable & capability) != 0) connection->want |= capability;
  };
  connection->want = 0;
  want(FUSE_CAP_ASYNC_READ);
  want(FUSE_CAP_ASYNC_DIO);
  want(FUSE_CAP_PARALLEL_DIROPS);
  want(FUSE_CAP_READDIRPLUS);
  want(FUSE_CAP_READDIRPLUS_AUTO);
  want(FUSE_CAP_ATOMIC_O_TRUNC);
  // We know by the ETag whether cached pages still hold; the kernel would guess by mtime.
  want(FUSE_CAP_EXPLICIT_INVAL_DATA);
  want(set_ids_capability);
  auto& context = *static_cast<FuseContext*>(userdata);
  FuseFeatures& features = context.features;
  features.passthrough = context.no_passthrough
                             ? Feature{.on = false, .why_not = "--no-passthrough"}
                             : want_passthrough(*connection);
  features.direct_writes_show = direct_writes_show(connection->proto_minor);
  want_io_uring(*connection, features.io_uring);
  connection->max_write = 1 << 20;
  connection->max_read = 1 << 20;  // libfuse refuses the mount where this is not the mount option's
  connection->max_readahead =
      64 << 20;  // the kernel takes the smaller of this and the device's read_ahead_kb
  connection->max_background = 128;
  connection->congestion_threshold = 96;
}

}  // namespace

fuse_lowlevel_ops fuse_operations() {
  fuse_lowlevel_ops operations{};
  operations.init = op_init;
  operations.lookup = op_lookup;
  operations.forget = op_forget;
  operations.forget_multi = op_forget_multi;
  operations.getattr = op_getattr;
  operations.setattr = op_setattr;
  operations.readlink = op_readlink;
  operations.create = op_create;
  operations.open = op_open;
  operations.read = op_read;
  operations.release = op_release;
  operations.ioctl = op_ioctl;
  operations.opendir = op_opendir;
  operations.readdir = op_readdir;
  operations.readdirplus = op_readdirplus;
  operations.releasedir = op_releasedir;
  operations.fsyncdir = op_fsyncdir;
  operations.getxattr = op_getxattr;
  operations.listxattr = op_listxattr;
  operations.setxattr = op_setxattr;
  operations.removexattr = op_removexattr;
  operations.statfs = op_statfs;
  add_name_operations(operations);
  add_range_operations(operations);
  return operations;
}

}  // namespace penstock
