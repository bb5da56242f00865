// SPDX-License-Identifier: Apache-2.0
#include "frontend/passthrough.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace penstock {
namespace {

// Of the kernel's interface (linux/fuse.h), which the distribution's headers are too old for.
// libfuse has functions for them, but those want a request that is still unanswered.
struct BackingMap {
  int32_t fd = -1;
  uint32_t flags = 0;
  uint64_t padding = 0;
};
constexpr unsigned long backing_open = _IOW(229, 1, BackingMap);
constexpr unsigned long backing_close = _IOW(229, 2, uint32_t);

}  // namespace

int KernelBackings::add(const BackingFile& file) {
  BackingMap map{.fd = file.fd()};
  const int backing_id = ioctl(fuse_fd_, backing_open, &map);
  if (backing_id > 0) return backing_id;
  log_.warning(
      "passthrough is off, the kernel does not take the cache's files: {}; they are read through "
      "Penstock",
      std::strerror(errno));
  return 0;
}

void KernelBackings::remove(int backing_id) {
  auto number = static_cast<uint32_t>(backing_id);
  if (ioctl(fuse_fd_, backing_close, &number) != 0)
    log_.warning("the kernel keeps a cache file that is closed: {}", std::strerror(errno));
}

bool can_back(const BackingFile& file, int flags) {
  if ((flags & O_DIRECT) == 0) return true;
  const int tried =
      open(fmt::format("/proc/self/fd/{}", file.fd()).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (tried >= 0) close(tried);
  return tried >= 0;
}

std::string libfuse_version() { return fuse_pkgversion(); }

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)

Feature want_passthrough(fuse_conn_info& connection) {
  if ((connection.capable & FUSE_CAP_PASSTHROUGH) == 0) {
    utsname kernel{};
    uname(&kernel);
    return {.on = false,
            .why_not =
                fmt::format("the kernel ({}) does not offer it: Linux 6.9 does", kernel.release)};
  }
  if (!may_administer()) return {.on = false, .why_not = "it needs root (CAP_SYS_ADMIN)"};
  connection.want |= FUSE_CAP_PASSTHROUGH;
  // Backing files on an overlay are not taken: the price would be that no overlay can lie on us.
  connection.max_backing_stack_depth = 0;
  return {.on = true, .why_not = ""};
}

void set_backing_id(fuse_file_info& info, int backing_id) { info.backing_id = backing_id; }

Feature libfuse_passthrough() { return {.on = true, .why_not = ""}; }

#else

Feature want_passthrough(fuse_conn_info&) { return libfuse_passthrough(); }

Feature libfuse_passthrough() {
  return {.on = false,
          .why_not = fmt::format("built with libfuse {}, it needs 3.17: scripts/build-libfuse",
                                 libfuse_version())};
}

void set_backing_id(fuse_file_info&, int) {}

#endif

}  // namespace penstock
