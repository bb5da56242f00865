// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse_reply.h"

#include <sys/statvfs.h>
#include <sys/uio.h>

#include <cerrno>
#include <vector>

#include "base/wall_clock.h"
#include "frontend/errno.h"

namespace penstock {
namespace {

timespec to_timespec(int64_t ns) {
  timespec time{};
  time.tv_sec = ns / ns_per_second;
  time.tv_nsec = ns % ns_per_second;
  if (time.tv_nsec < 0) {
    time.tv_nsec += ns_per_second;
    --time.tv_sec;
  }
  return time;
}

double to_seconds(std::chrono::milliseconds time) {
  return static_cast<double>(time.count()) / 1000.0;
}

/// What is an everyday answer to a program, and no news for the log.
bool is_ordinary(Code code) {
  switch (code) {
    case Code::not_found:
    case Code::already_exists:
    case Code::not_a_directory:
    case Code::is_a_directory:
    case Code::not_empty:
    case Code::name_too_long:
    case Code::bad_handle:
    case Code::not_permitted:
    case Code::no_attribute:
    case Code::not_supported:
    case Code::interrupted:
    case Code::read_only:
      return true;
    default:
      return false;
  }
}

}  // namespace

mode_t type_bits(FileType type) {
  switch (type) {
    case FileType::file:
      return S_IFREG;
    case FileType::directory:
      return S_IFDIR;
    case FileType::symlink:
      return S_IFLNK;
    case FileType::fifo:
      return S_IFIFO;
    case FileType::socket:
      return S_IFSOCK;
    case FileType::character_device:
      return S_IFCHR;
    case FileType::block_device:
      return S_IFBLK;
  }
  return S_IFREG;
}

struct stat to_stat(const Attributes& attributes) {
  struct stat result {};
  result.st_ino = attributes.number != 0 ? attributes.number : attributes.inode;
  // Without type bits a directory entry says DT_UNKNOWN, and the program asks.
  result.st_mode =
      attributes.mode | (attributes.type_known ? type_bits(attributes.type) : mode_t{0});
  result.st_rdev = attributes.device;
  result.st_nlink = attributes.links;
  result.st_uid = attributes.uid;
  result.st_gid = attributes.gid;
  result.st_size = static_cast<off_t>(attributes.size);
  result.st_blocks = static_cast<blkcnt_t>((attributes.size + 511) / 512);
  result.st_blksize = 1 << 20;  // what programs take as the size of a good read or write
  result.st_mtim = to_timespec(attributes.mtime_ns);
  result.st_ctim = to_timespec(attributes.ctime_ns);
  result.st_atim = to_timespec(attributes.atime_ns);
  return result;
}

fuse_entry_param to_entry_param(const Entry& entry, fuse_ino_t node) {
  fuse_entry_param param{};
  param.ino = node;
  param.generation = 1;  // inode numbers are never used twice
  param.attr = to_stat(entry.attributes);
  param.entry_timeout = to_seconds(entry.ttl);
  param.attr_timeout = to_seconds(entry.attributes.ttl);
  return param;
}

FuseReply::FuseReply(fuse_req_t request, ReplyContext context, FileOperation operation,
                     Effect effect)
    : pending_(std::make_shared<PendingRequest>(request, effect)),
      context_(context),
      operation_(operation) {
  context_.session->interrupts.enter(pending_);
}

FuseReply::~FuseReply() {
  if (pending_ == nullptr || pending_->answered) return;
  context_.log->error("a {} request was dropped without an answer; the program gets EIO",
                      name_of(operation_));
  error_number(EIO);
}

std::optional<Gate::Pass> FuseReply::claim() {
  if (!pending_->claim()) return {};
  context_.session->interrupts.leave(*pending_);
  metrics().of(operation_).took.observe(PendingRequest::Clock::now() - pending_->arrived);
  return context_.session->answers.pass_if_open();
}

bool FuseReply::error_number(int number) {
  return claim() && fuse_reply_err(pending_->request, number) == 0;
}

/// A program that goes on in spite of failures makes thousands of them a second.
void FuseReply::warn(const Error& error) {
  const auto left_out = context_.session->failures.admit(LogLimit::Clock::now());
  if (!left_out) return;
  if (*left_out > 0) context_.log->warning("{} more calls have failed", *left_out);
  context_.log->warning("{} failed: {}", name_of(operation_), error.describe());
}

bool FuseReply::error(const Error& error) {
  // What was asked to stop, and says that it has been, is no failure.
  const bool stopped = error.code() == Code::cancelled && pending_->cancel.stop_requested();
  if (stopped) return error_number(EINTR);
  if (!is_ordinary(error.code())) {
    metrics().of(operation_).failed.add();
    warn(error);
  } else {
    context_.log->debug("{}: {}", name_of(operation_), error.describe());
  }
  return error_number(to_errno(error.code()));
}

bool FuseReply::entry(const Entry& entry, fuse_ino_t node) {
  const fuse_entry_param param = to_entry_param(entry, node);
  return claim() && fuse_reply_entry(pending_->request, &param) == 0;
}

bool FuseReply::no_entry(std::chrono::milliseconds ttl) {
  fuse_entry_param param{};
  param.entry_timeout = to_seconds(ttl);
  return claim() && fuse_reply_entry(pending_->request, &param) == 0;
}

bool FuseReply::attributes(const Attributes& attributes) {
  const struct stat result = to_stat(attributes);
  return claim() && fuse_reply_attr(pending_->request, &result, to_seconds(attributes.ttl)) == 0;
}

bool FuseReply::opened(const fuse_file_info& info) {
  return claim() && fuse_reply_open(pending_->request, &info) == 0;
}

bool FuseReply::created(const Entry& entry, fuse_ino_t node, const fuse_file_info& info) {
  const fuse_entry_param param = to_entry_param(entry, node);
  return claim() && fuse_reply_create(pending_->request, &param, &info) == 0;
}

bool FuseReply::data(const Slices& slices) {
  const std::optional<Gate::Pass> claimed = claim();
  if (!claimed) return false;
  std::vector<iovec> pieces;
  pieces.reserve(slices.spans.size());
  uint64_t bytes = 0;
  for (const auto& span : slices.spans) {
    bytes += span.size();
    pieces.push_back({const_cast<std::byte*>(span.data()), span.size()});
  }
  metrics().bytes_read.add(bytes);
  return fuse_reply_iov(pending_->request, pieces.data(), static_cast<int>(pieces.size())) == 0;
}

bool FuseReply::buffer(const std::string& bytes) {
  return claim() && fuse_reply_buf(pending_->request, bytes.data(), bytes.size()) == 0;
}

bool FuseReply::link(const std::string& target) {
  return claim() && fuse_reply_readlink(pending_->request, target.c_str()) == 0;
}

bool FuseReply::xattr_size(size_t bytes) {
  return claim() && fuse_reply_xattr(pending_->request, bytes) == 0;
}

bool FuseReply::written(size_t bytes) {
  // A copy's bytes are no program's.
  if (operation_ == FileOperation::write) metrics().bytes_written.add(bytes);
  return claim() && fuse_reply_write(pending_->request, bytes) == 0;
}

bool FuseReply::offset(uint64_t offset) {
  return claim() && fuse_reply_lseek(pending_->request, static_cast<off_t>(offset)) == 0;
}

bool FuseReply::cache_share(const CacheShare& share) {
  return claim() && fuse_reply_ioctl(pending_->request, 0, &share, sizeof(share)) == 0;
}

bool FuseReply::statfs(const FileSystemStats& stats) {
  struct statvfs result {};
  result.f_bsize = result.f_frsize = stats.block_size;
  result.f_blocks = stats.total_bytes / stats.block_size;
  result.f_bfree = result.f_bavail = stats.free_bytes / stats.block_size;
  result.f_files = stats.files;
  result.f_ffree = result.f_favail = stats.free_files;
  result.f_namemax = stats.max_name_bytes;
  return claim() && fuse_reply_statfs(pending_->request, &result) == 0;
}

}  // namespace penstock
