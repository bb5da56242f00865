// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse_range_ops.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "frontend/fuse_ops.h"
#include "frontend/set_ids.h"

namespace penstock {
namespace {

/// The answer has 32 bits, and programs ask again for the rest.
constexpr uint64_t longest_copy = 1ULL << 30;

std::optional<Allocation> allocation_of(int mode, ByteRange range) {
  switch (mode) {
    case 0:
      return Allocation{.range = range};
    case FALLOC_FL_KEEP_SIZE:
      return Allocation{.range = range, .keep_size = true};
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
      return Allocation{.range = range, .zero = true, .keep_size = true};
    case FALLOC_FL_ZERO_RANGE:
      return Allocation{.range = range, .zero = true};
    default:
      return std::nullopt;
  }
}

/// Of these the kernel does not say whether the program may keep the bits: only root is taken to.
/// Linux takes the set-group-ID bit of a file that its group may not execute, too, where the
/// program is not of the group.
void may_drop_set_ids(FuseContext& context, const FuseReply& reply, fuse_ino_t node,
                      const fuse_file_info& info) {
  if (reply.caller().uid != 0) drop_set_ids(context, node, info, true);
}

void op_fallocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
  FuseContext& context = context_of(request);
  FuseReply reply(request, context.reply(), FileOperation::fallocate, Effect::change);
  auto allocation =
      allocation_of(mode, {static_cast<uint64_t>(offset), static_cast<uint64_t>(length)});
  if (!allocation) {
    reply.not_supported();
    return;
  }
  allocation->process = process_of(context, reply);
  may_drop_set_ids(context, reply, node, *info);
  context.file_system->allocate(info->fh, *allocation, answer(std::move(reply)));
}

void op_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  FuseContext& context = context_of(request);
  context.file_system->seek(
      info->fh, static_cast<uint64_t>(offset), whence == SEEK_HOLE,
      [reply = FuseReply(request, context.reply(), FileOperation::lseek, Effect::none)](
          const Result<std::optional<uint64_t>>& found) mutable {
        if (!found) {
          reply.error(found.error());
        } else if (*found) {
          reply.offset(**found);
        } else {
          reply.no_such_offset();
        }
      });
}

void op_copy_file_range(fuse_req_t request, fuse_ino_t, off_t source_offset, fuse_file_info* source,
                        fuse_ino_t target_node, off_t target_offset, fuse_file_info* target,
                        size_t length, int) {
  FuseContext& context = context_of(request);
  FuseReply reply(request, context.reply(), FileOperation::copy_file_range, Effect::change);
  const CopyRange copy{.source = source->fh,
                       .source_offset = static_cast<uint64_t>(source_offset),
                       .target = target->fh,
                       .target_offset = static_cast<uint64_t>(target_offset),
                       .length = std::min<uint64_t>(length, longest_copy),
                       .process = process_of(context, reply)};
  may_drop_set_ids(context, reply, target_node, *target);
  std::stop_token cancel = reply.cancel();
  context.file_system->copy_range(
      copy, std::move(cancel), [reply = std::move(reply)](const Result<uint64_t>& copied) mutable {
        if (copied) {
          reply.written(*copied);
        } else {
          reply.error(copied.error());
        }
      });
}

void op_write(fuse_req_t request, fuse_ino_t node, const char* data, size_t size, off_t offset,
              fuse_file_info* info) {
  FuseContext& context = context_of(request);
  FuseReply reply(request, context.reply(), FileOperation::write, Effect::change);
  if (drops_set_ids(*info)) drop_set_ids(context, node, *info);
  // The flags are those of the descriptor by now. What was written to a mapping has none, and comes
  // from no process.
  const bool page = info->writepage != 0;
  WriteAt at{.offset = static_cast<uint64_t>(offset),
             .append = !page && (info->flags & O_APPEND) != 0,
             .sync = !page && (info->flags & (O_SYNC | O_DSYNC)) != 0,
             .direct = !page && context.features.direct_writes_show,
             .process = std::nullopt};
  if (!page) at.process = process_of(context, reply);
  context.file_system->write(info->fh, at, std::as_bytes(std::span(data, size)),
                             [size, reply = std::move(reply)](const Result<void>& written) mutable {
                               if (written) {
                                 reply.written(size);
                               } else {
                                 reply.error(written.error());
                               }
                             });
}

void op_flush(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  FuseContext& context = context_of(request);
  FileSystem& file_system = *context.file_system;
  FuseReply reply(request, context.reply(), FileOperation::close, Effect::change);
  const Closer closer = closer_of(*context.processes, reply.thread(), file_system, info->fh);
  file_system.flush(info->fh, closer, answer(std::move(reply)));
}

void op_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
  context_of(request).file_system->fsync(info->fh, answer_change(request, FileOperation::fsync));
}

}  // namespace

void add_range_operations(fuse_lowlevel_ops& operations) {
  operations.write = op_write;
  operations.flush = op_flush;
  operations.fsync = op_fsync;
  operations.fallocate = op_fallocate;
  operations.lseek = op_lseek;
  operations.copy_file_range = op_copy_file_range;
}

}  // namespace penstock
