// SPDX-License-Identifier: Apache-2.0
#include "frontend/errno.h"

#include <cerrno>

namespace penstock {

int to_errno(Code code) noexcept {
  switch (code) {  // no default: a new code does not compile until it has an errno
    case Code::not_found:
      return ENOENT;
    case Code::already_exists:
      return EEXIST;
    case Code::changed:
      return ESTALE;
    case Code::access_denied:
      return EACCES;
    case Code::throttled:
    case Code::timed_out:
    case Code::unavailable:
    case Code::corrupt:
    case Code::cancelled:  // between parts of the mount; FuseReply knows who was interrupted
    case Code::internal:
      return EIO;
    case Code::no_space:
      return ENOSPC;
    case Code::read_only:
      return EROFS;
    case Code::invalid_argument:
      return EINVAL;
    case Code::not_supported:
      return EOPNOTSUPP;
    case Code::not_a_directory:
      return ENOTDIR;
    case Code::is_a_directory:
      return EISDIR;
    case Code::not_empty:
      return ENOTEMPTY;
    case Code::name_too_long:
      return ENAMETOOLONG;
    case Code::too_large:
      return EFBIG;
    case Code::bad_handle:
      return EBADF;
    case Code::not_permitted:
      return EPERM;
    case Code::archived:  // "No data available": root, too, is not denied it for want of rights
    case Code::no_attribute:
      return ENODATA;
    case Code::being_restored:
      return EINPROGRESS;
    case Code::interrupted:
      return EINTR;
  }
  return EIO;
}

}  // namespace penstock
