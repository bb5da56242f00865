// SPDX-License-Identifier: Apache-2.0
#include "frontend/io_uring.h"

#include <fmt/core.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace penstock {
namespace {

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)

constexpr const char* module_parameter = "/sys/module/fuse/parameters/enable_uring";

/// Containers and administrators forbid it at times. Empty: it works.
std::string io_uring_forbidden() {
  io_uring_params parameters{};
  const long ring = syscall(__NR_io_uring_setup, 2, &parameters);
  if (ring < 0) return fmt::format("this process may not use io_uring ({})", std::strerror(errno));
  close(static_cast<int>(ring));
  return "";
}

/// Empty: it can be had.
std::string why_not() {
  std::ifstream file(module_parameter);
  std::string allowed;
  if (!(file >> allowed)) return "the kernel does not offer it: Linux 6.14 does";
  if (allowed != "Y")
    return fmt::format("the kernel's fuse module does not allow it: echo 1 > {}", module_parameter);
  return io_uring_forbidden();
}

#else

std::string why_not() {
  return fmt::format("built with libfuse {}, it needs 3.18: scripts/build-libfuse",
                     fuse_pkgversion());
}

#endif

}  // namespace

Result<Feature> decide_io_uring(MountOptions::IoUring wish) {
  if (wish == MountOptions::IoUring::off) return Feature{.on = false, .why_not = "--io-uring=off"};
  // docs/decisions/0001-fuse-over-io-uring.md
  if (wish == MountOptions::IoUring::automatic)
    return Feature{.on = false, .why_not = "not without --io-uring=on"};
  const std::string reason = why_not();
  if (!reason.empty()) return Error(Code::not_supported, "--io-uring=on cannot be had: " + reason);
  return Feature{.on = true, .why_not = ""};
}

Feature io_uring_possible() {
  Feature feature{.on = false, .why_not = why_not()};
  feature.on = feature.why_not.empty();
  return feature;
}

uint32_t io_uring_depth() {
  constexpr int entries = 64;
  return static_cast<uint32_t>(std::max(entries / get_nprocs_conf(), 2));
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)

void want_io_uring(fuse_conn_info& connection, Feature& feature) {
  if (!feature.on) return;
  if ((connection.capable & FUSE_CAP_OVER_IO_URING) == 0) {
    feature = {.on = false, .why_not = "the kernel does not offer it: Linux 6.14 does"};
    return;
  }
  connection.want |= FUSE_CAP_OVER_IO_URING;
}

#else

void want_io_uring(fuse_conn_info&, Feature&) {}

#endif

void refuse_cancellation() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr); }

void stop_io_uring(fuse_session* session) {
  // libfuse has no function of its own for it; its loop does it when it is over, which it is at
  // once.
  fuse_session_exit(session);
  fuse_session_loop(session);
}

}  // namespace penstock
