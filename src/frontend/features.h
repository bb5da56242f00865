// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

/// Whether a mount has something that not every kernel, libfuse and user can have.
struct Feature {
  bool on = false;
  std::string why_not;  ///< For a person; empty where it is on.
};

/// What a mount says about itself when it starts.
struct FuseFeatures {
  Feature passthrough;  ///< The kernel reads from Opened::backing by itself.
  Feature io_uring;     ///< Requests come over io_uring, not by reading /dev/fuse.
  /// A write that passes the page cache by takes the pages that it changes from it.
  bool direct_writes_show = false;
};

/// "passthrough: on; io_uring: off (why)".
std::string describe(const FuseFeatures& features);

/// Of the kernel, by its version of FUSE's protocol (7.MINOR): since Linux 6.6. An older one goes
/// on showing the old pages to whoever reads the file.
bool direct_writes_show(uint32_t protocol_minor);

/// True where this process may tell the kernel of backing files (CAP_SYS_ADMIN).
bool may_administer();

/// What this program was built with: "3.17.2".
std::string libfuse_version();
/// Whether that libfuse can do passthrough; `on` says nothing of the kernel.
Feature libfuse_passthrough();
/// Whether a mount with --io-uring=on could have it here.
Feature io_uring_possible();

}  // namespace penstock
