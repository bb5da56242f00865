// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/gate.h"
#include "base/log.h"
#include "frontend/file_metrics.h"
#include "frontend/fuse_api.h"
#include "frontend/interrupts.h"
#include "penstock/file_system.h"

namespace penstock {

/// What an answer to a request of one session needs besides the request.
struct ReplyContext {
  SessionContext* session = nullptr;
  Log* log = nullptr;
};

/// The obligation to answer one request exactly once. Move-only; may be kept and used on any
/// thread; one that is dropped unanswered answers EIO and says so in the log. The replying methods
/// return false where the program is gone (interrupted): what was opened or referenced for it must
/// then be undone.
class FuseReply {
 public:
  /// Nothing may be asked of `request` itself from then on: it may be answered, and gone, at any
  /// time.
  FuseReply(fuse_req_t request, ReplyContext context, FileOperation operation, Effect effect);
  FuseReply(FuseReply&&) noexcept = default;
  FuseReply& operator=(FuseReply&&) = delete;
  ~FuseReply();

  Caller caller() const { return pending_->caller; }
  /// Which thread asks; 0 where it is of another PID namespace.
  pid_t thread() const { return pending_->thread; }
  std::stop_token cancel() const { return pending_->cancel.get_token(); }

  bool ok() { return error_number(0); }
  bool error(const Error& error);
  /// To an open, a creation or a rename: the kernel shall look the names up again and do it with
  /// what it finds then. It does so once, as for every ESTALE.
  bool again() { return error_number(ESTALE); }
  /// `node` is what the kernel shall know the inode by.
  bool entry(const Entry& entry, fuse_ino_t node);
  /// The name does not exist; the kernel may believe that for `ttl`.
  bool no_entry(std::chrono::milliseconds ttl);
  bool attributes(const Attributes& attributes);
  bool opened(const fuse_file_info& info);
  bool created(const Entry& entry, fuse_ino_t node, const fuse_file_info& info);
  bool data(const Slices& slices);
  bool buffer(const std::string& bytes);
  bool link(const std::string& target);
  bool written(size_t bytes);
  bool offset(uint64_t offset);
  /// To a search for data or holes where there are none.
  bool no_such_offset() { return error_number(ENXIO); }
  bool not_supported() { return error_number(EOPNOTSUPP); }
  bool statfs(const FileSystemStats& stats);
  bool cache_share(const CacheShare& share);
  /// To a getxattr or listxattr that asks for the size only.
  bool xattr_size(size_t bytes);
  bool xattr_too_large() { return error_number(ERANGE); }
  /// To an ioctl that means nothing here.
  bool no_such_request() { return error_number(ENOTTY); }

 private:
  FileMetrics& metrics() const { return context_.session->metrics; }
  void warn(const Error& error);
  bool error_number(int number);
  /// The right to write the answer, for as long as it is held.
  std::optional<Gate::Pass> claim();

  std::shared_ptr<PendingRequest> pending_;
  ReplyContext context_;
  FileOperation operation_;
};

struct stat to_stat(const Attributes& attributes);
fuse_entry_param to_entry_param(const Entry& entry, fuse_ino_t node);

}  // namespace penstock
