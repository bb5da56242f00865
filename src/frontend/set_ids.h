// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frontend/fuse_api.h"

namespace penstock {

// Who takes the set-user-ID and set-group-ID bits from a file that is written to: we do, for the
// kernel would ask for "security.capability" before each write to find out whether there is more to
// take. With FUSE_CAP_HANDLE_KILLPRIV_V2 it says which programs lack CAP_FSETID, and asks no more;
// libfuse hands that on since 3.18. An older one leaves it at FUSE_CAP_HANDLE_KILLPRIV: every write
// takes them.
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
constexpr unsigned set_ids_capability = FUSE_CAP_HANDLE_KILLPRIV_V2;
inline bool drops_set_ids(const fuse_file_info& info) { return info.kill_suidgid != 0; }
inline bool drops_set_ids(int setattr_valid) {
  return (setattr_valid & (FUSE_SET_ATTR_KILL_SUID | FUSE_SET_ATTR_KILL_SGID)) != 0;
}
#else
constexpr unsigned set_ids_capability = FUSE_CAP_HANDLE_KILLPRIV;
inline bool drops_set_ids(const fuse_file_info&) { return true; }
inline bool drops_set_ids(int) { return true; }
#endif

}  // namespace penstock
