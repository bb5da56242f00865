// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "frontend/fuse_api.h"
#include "simulation/world.h"

namespace penstock::sim {

class KernelBoundary;

/// What was answered to a request of the kernel.
struct Answer {
  int error = 0;
  fuse_entry_param entry{};
  struct stat attributes {};
  double attribute_timeout = 0;
  fuse_file_info file{};
  std::string data;
  size_t count = 0;
};

/// What fuse_lowlevel_notify_* tells the kernel.
class KernelBoundary {
 public:
  virtual ~KernelBoundary() = default;
  virtual int inval_inode(fuse_ino_t node, off_t offset, off_t length) = 0;
  virtual int inval_entry(fuse_ino_t parent, const std::string& name) = 0;
};

/// One entry of a directory as fuse_add_direntry and fuse_add_direntry_plus pack it.
struct PackedEntry {
  std::string name;
  off_t next = 0;
  fuse_entry_param entry{};  ///< `ino` 0: no reference was given with it.
};

std::vector<PackedEntry> unpack(const std::string& data, bool plus);

}  // namespace penstock::sim

/// libfuse's own name for it: the stand-in fills it in.
struct fuse_req {
  const char* operation = "";
  std::string text;
  void* userdata = nullptr;
  fuse_ctx caller{};
  bool answered = false;
  penstock::sim::Answer answer;
  penstock::sim::Signal done;
  fuse_interrupt_func_t on_interrupt = nullptr;
  void* interrupt_data = nullptr;
  bool interrupted = false;
  bool being_stopped = false;  ///< The program is being killed.
};
